// Embeddings of PNG files by AOTInductor:  embed_aotinductor MODEL.pt2 SIDE FILE...   one line of numbers for each file
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <cstdio>
#include <iostream>

#include "picture.hpp"

int main(int count, char** words) try {
    if (count < 4) throw std::runtime_error("usage: embed_aotinductor MODEL.pt2 SIDE FILE...");
    const int side = std::stoi(words[2]);
    at::set_num_threads(1);
    c10::InferenceMode guard;
    torch::inductor::AOTIModelPackageLoader model(words[1]);
    for (int i = 3; i < count; ++i) {
        auto x = square(read_png(words[i]), side);
        const auto vector = model.run({at::from_blob(x.data(), {1, 3, side, side})})[0].contiguous();
        for (int k = 0; k < vector.numel(); ++k) std::printf("%.9g ", vector.data_ptr<float>()[k]);
        std::printf("\n");
    }
    return 0;
} catch (const c10::Error& error) {
    std::cerr << error.what_without_backtrace() << "\n";
    return 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
