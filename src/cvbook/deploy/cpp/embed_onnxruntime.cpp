// Embeddings of PNG files by ONNX Runtime, from an ONNX file, one line of numbers for each file:
// embed_onnxruntime MODEL.onnx SIDE FILE...
#include <onnxruntime_cxx_api.h>

#include <array>
#include <cstdio>
#include <iostream>

#include "picture.hpp"

int main(int count, char** words) try {
    if (count < 4) throw std::runtime_error("usage: embed_onnxruntime MODEL.onnx SIDE FILE...");
    const int side = std::stoi(words[2]);
    const Ort::Env environment(ORT_LOGGING_LEVEL_ERROR);
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    Ort::Session session(environment, words[1], options);
    Ort::AllocatorWithDefaultOptions allocator;
    const auto in = session.GetInputNameAllocated(0, allocator);
    const auto out = session.GetOutputNameAllocated(0, allocator);
    const char *given = in.get(), *wanted = out.get();
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const std::array<std::int64_t, 4> shape{1, 3, side, side};
    for (int i = 3; i < count; ++i) {
        auto x = square(read_png(words[i]), side);
        const auto tensor = Ort::Value::CreateTensor<float>(
            memory, x.data(), x.size(), shape.data(), shape.size());
        const auto answer = session.Run(Ort::RunOptions{nullptr}, &given, &tensor, 1, &wanted, 1);
        const float* vector = answer[0].GetTensorData<float>();
        const std::size_t length = answer[0].GetTensorTypeAndShapeInfo().GetElementCount();
        for (std::size_t k = 0; k < length; ++k) std::printf("%.9g ", vector[k]);
        std::printf("\n");
    }
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
