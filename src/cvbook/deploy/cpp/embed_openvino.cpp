// Embeddings of PNG files by OpenVINO, from an ONNX file, one line of numbers for each file:
// embed_openvino MODEL.onnx SIDE FILE...
#include <cstdio>
#include <iostream>
#include <openvino/openvino.hpp>

#include "picture.hpp"

int main(int count, char** words) try {
    if (count < 4) throw std::runtime_error("usage: embed_openvino MODEL.onnx SIDE FILE...");
    const std::size_t side = std::stoul(words[2]);
    ov::Core core;
    auto compiled = core.compile_model(words[1], "CPU", ov::inference_num_threads(1),
                                       ov::hint::inference_precision(ov::element::f32));
    auto request = compiled.create_infer_request();
    for (int i = 3; i < count; ++i) {
        auto x = square(read_png(words[i]), int(side));
        request.set_input_tensor(ov::Tensor(ov::element::f32, {1, 3, side, side}, x.data()));
        request.infer();
        const auto vector = request.get_output_tensor();
        const float* numbers = vector.data<float>();
        for (std::size_t k = 0; k < vector.get_size(); ++k) std::printf("%.9g ", numbers[k]);
        std::printf("\n");
    }
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
