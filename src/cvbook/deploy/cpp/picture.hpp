// A PNG file as a network's input, by the very steps of `cvbook.deploy.search.square`: this is
// where C++ and Python usually part.
#pragma once

#include <png.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

struct Picture {
    int width, height;
    std::vector<std::uint8_t> rgb;  // height, width, 3
};

inline Picture read_png(const std::string& path) {
    png_image png;
    std::memset(&png, 0, sizeof png);
    png.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_file(&png, path.c_str()))
        throw std::runtime_error(path + " cannot be read as PNG: " + png.message);
    if (std::uint64_t(png.width) * png.height > 120'000'000)
        throw std::runtime_error(path + " has over 120 million pixels.");
    png.format = PNG_FORMAT_RGB;
    std::vector<std::uint8_t> rgb(PNG_IMAGE_SIZE(png));
    if (!png_image_finish_read(&png, nullptr, rgb.data(), 0, nullptr))
        throw std::runtime_error(path + " is damaged: " + png.message);
    return {int(png.width), int(png.height), rgb};
}

inline double cubic(double x) {  // Keys' kernel with a = -1/2
    x = std::abs(x);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    if (x < 2) return -0.5 * (((x - 5) * x + 8) * x - 4);
    return 0;
}

// One axis, as PIL does it: the kernel widens with the reduction, its weights are whole numbers of
// 22 bits, and the result is rounded to 8 bits.
inline Picture resize_rows(const Picture& in, int width) {
    if (width == in.width) return in;
    const int bits = 22;
    const double scale = double(in.width) / width;
    const double widened = std::max(scale, 1.0), support = 2 * widened;
    Picture out{width, in.height, std::vector<std::uint8_t>(std::size_t(3) * width * in.height)};
    for (int x = 0; x < width; ++x) {
        const double centre = (x + 0.5) * scale;
        const int first = std::max(int(centre - support + 0.5), 0);
        const int last = std::min(int(centre + support + 0.5), in.width);
        std::vector<double> weight(last - first);
        double sum = 0;
        for (int i = first; i < last; ++i)
            sum += weight[i - first] = cubic((i - centre + 0.5) / widened);
        std::vector<int> whole;
        for (double w : weight) whole.push_back(int(std::lround(w / sum * (1 << bits))));
        for (int y = 0; y < in.height; ++y) {
            const std::uint8_t* row = &in.rgb[3 * std::size_t(y) * in.width];
            std::uint8_t* place = &out.rgb[3 * (std::size_t(y) * width + x)];
            for (int c = 0; c < 3; ++c) {
                int value = 1 << (bits - 1);
                for (int i = first; i < last; ++i) value += whole[i - first] * row[3 * i + c];
                place[c] = std::uint8_t(std::clamp(value >> bits, 0, 255));
            }
        }
    }
    return out;
}

inline Picture transposed(const Picture& in) {
    Picture out{in.height, in.width, std::vector<std::uint8_t>(in.rgb.size())};
    for (int y = 0; y < in.height; ++y)
        for (int x = 0; x < in.width; ++x)
            std::memcpy(&out.rgb[3 * (std::size_t(x) * in.height + y)],
                        &in.rgb[3 * (std::size_t(y) * in.width + x)], 3);
    return out;
}

// Fitted into a grey square without stretching, 0 to 1, channels first: 3 * side * side numbers.
inline std::vector<float> square(const Picture& picture, int side) {
    const double longest = std::max(picture.width, picture.height);
    // nearbyint rounds halves to even, as Python does.
    const int width = std::max(int(std::nearbyint(picture.width / longest * side)), 1);
    const int height = std::max(int(std::nearbyint(picture.height / longest * side)), 1);
    const Picture small = transposed(resize_rows(transposed(resize_rows(picture, width)), height));
    const int left = int(std::nearbyint((side - width) * 0.5));
    const int top = int(std::nearbyint((side - height) * 0.5));
    std::vector<float> x(std::size_t(3) * side * side, 128.f / 255);
    for (int c = 0; c < 3; ++c)
        for (int v = 0; v < height; ++v) {
            const std::uint8_t* from = &small.rgb[3 * std::size_t(v) * width];
            float* to = &x[(std::size_t(c) * side + v + top) * side + left];
            for (int u = 0; u < width; ++u) to[u] = from[3 * u + c] / 255.f;
        }
    return x;
}
