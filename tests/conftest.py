"""What holds for all tests."""

from cvbook.models.torchvision_ops import declare_missing

# Before any test imports timm, which imports torchvision.
declare_missing()
