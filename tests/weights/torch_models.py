"""The networks of test_torch_onnx.py in PyTorch, with few channels, random weights and statistics that batch norm makes something of."""
import torch
from torch import nn
from torch.nn import functional as F

BLOCKS = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def conv(channels, out, kernel=3, stride=1, groups=1, rate=1, activation=nn.ReLU6):
    layers = [nn.Conv2d(channels, out, kernel, stride, rate * (kernel - 1) // 2, rate, groups, bias=False), nn.BatchNorm2d(out)]
    return nn.Sequential(*layers, *([activation()] if activation else []))


class Block(nn.Module):
    """arXiv 1801.04381, as torchvision's InvertedResidual."""

    def __init__(self, channels, out, stride, rate, ratio):
        super().__init__()
        hidden = channels * ratio
        layers = [conv(channels, hidden, 1)] if ratio > 1 else []
        layers += [conv(hidden, hidden, 3, stride, hidden, rate), conv(hidden, out, 1, activation=None)]
        self.conv, self.add = nn.Sequential(*layers), stride == 1 and channels == out

    def forward(self, x):
        return x + self.conv(x) if self.add else self.conv(x)


def backbone(width, output_stride):
    """Once the output stride is reached, strides become rates of what follows."""
    channels = max(int(32 * width), 2)
    layers, reached, rate = [conv(3, channels, 3, 2)], 2, 1
    for ratio, out, count, stride in BLOCKS:
        for i in range(count):
            step, own = stride if i == 0 else 1, rate
            if step == 2 and reached == output_stride:
                step, rate = 1, rate * 2
            reached *= step
            layers.append(Block(channels, max(int(out * width), 2), step, own, ratio))
            channels = max(int(out * width), 2)
    return layers, channels


class DeepLab(nn.Module):
    """Mobile DeepLabv3: image pooling first, no 3x3 branches; scores at the picture's size."""

    def __init__(self, width=0.125, output_stride=16, classes=5, depth=8, align=True, labels=False):
        super().__init__()
        layers, channels = backbone(width, output_stride)
        self.net = nn.Sequential(*layers)
        self.pool = conv(channels, depth, 1, activation=nn.ReLU)
        self.aspp0 = conv(channels, depth, 1, activation=nn.ReLU)
        self.project = conv(2 * depth, depth, 1, activation=nn.ReLU)
        self.score = nn.Conv2d(depth, classes, 1)
        self.align, self.labels, self.output_stride = align, labels, output_stride

    def logits(self, x):
        x = self.net(x)
        pooled = F.interpolate(self.pool(F.adaptive_avg_pool2d(x, 1)), size=x.shape[2:], mode='bilinear', align_corners=self.align)
        return self.score(self.project(torch.cat([pooled, self.aspp0(x)], 1)))

    def forward(self, x):
        y = F.interpolate(self.logits(x), size=x.shape[2:], mode='bilinear', align_corners=self.align)
        return y.argmax(1) if self.labels else y


class Classifier(nn.Module):
    """As torchvision's mobilenet_v2, with its names."""

    def __init__(self, width=0.125, classes=7, softmax=False):
        super().__init__()
        layers, channels = backbone(width, 32)
        self.features = nn.Sequential(*layers, conv(channels, 40, 1))
        self.classifier, self.softmax = nn.Sequential(nn.Dropout(0.2), nn.Linear(40, classes)), softmax

    def forward(self, x):
        x = self.classifier(torch.flatten(F.adaptive_avg_pool2d(self.features(x), 1), 1))
        return F.softmax(x, 1) if self.softmax else x


def finish(model, seed):
    """Weights under which nothing dies out, statistics that are not 0 and 1; in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.weight.data.uniform_(0.7, 1.4, generator=generator)
            m.bias.data.uniform_(-0.3, 0.6, generator=generator)
            m.running_mean.uniform_(-0.4, 0.4, generator=generator)
            m.running_var.uniform_(0.4, 1.8, generator=generator)
        elif isinstance(m, (nn.Conv2d, nn.Linear)):
            fan = m.weight[0].numel()
            m.weight.data.normal_(0, (1.6 / fan) ** 0.5, generator=generator)
            if m.bias is not None:
                m.bias.data.uniform_(-0.5, 0.5, generator=generator)
    return model.eval()
