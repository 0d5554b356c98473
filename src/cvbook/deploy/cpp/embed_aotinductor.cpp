// Embeddings of PNG files by AOTInductor, one line of numbers for each file:
// embed_aotinductor MODEL.pt2 SIDE FILE...
#include <ATen/ATen.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <memory>

#include "embed_torch.hpp"

int main(int count, char** words) {
    return embed(count, words, "embed_aotinductor MODEL.pt2", [](const char* file) {
        auto model = std::make_shared<torch::inductor::AOTIModelPackageLoader>(file);
        return [model](const at::Tensor& x) { return model->run({x})[0]; };
    });
}
