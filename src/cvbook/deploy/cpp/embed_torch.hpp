// What the two programs by PyTorch's C++ library share.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cstdio>
#include <iostream>

#include "picture.hpp"

// Prints the numbers of each picture; `load` makes a function of the model's file, from
// float[1, 3, side, side] to float[1, D].
template <class Load>
int embed(int count, char** words, const std::string& usage, Load load) try {
    if (count < 4) throw std::runtime_error("usage: " + usage + " SIDE FILE...");
    const int side = std::stoi(words[2]);
    at::set_num_threads(1);
    c10::InferenceMode guard;
    auto model = load(words[1]);
    for (int i = 3; i < count; ++i) {
        auto x = square(read_png(words[i]), side);
        const at::Tensor vector = model(at::from_blob(x.data(), {1, 3, side, side})).contiguous();
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
