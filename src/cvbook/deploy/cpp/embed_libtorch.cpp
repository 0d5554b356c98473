// Embeddings of PNG files by LibTorch, one line of numbers for each file:
// embed_libtorch MODEL.pt SIDE FILE...
#include <torch/script.h>

#include "embed_torch.hpp"

int main(int count, char** words) {
    return embed(count, words, "embed_libtorch MODEL.pt", [](const char* file) {
        auto model = torch::jit::load(file);
        model.eval();
        return [model](const at::Tensor& x) mutable { return model.forward({x}).toTensor(); };
    });
}
