"""Small MobileNetV2 as PyTorch keeps them, with batch norm apart: their tensors as Hugging Face and torchvision name them, and what
they mean, worked out by NumPy in double precision as PyTorch's documentation says."""
import numpy as np

STEM, LAST, CLASSES = 4, 12, 5
CHANNELS = [3, 4, 4, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 8, 8, 8, 10]
STRIDES = [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1]
DEPTH = 6


class Net:
    """layers: name -> (weight [out, in, kh, kw], norm: {gamma, beta, mean, variance} or None, bias or None)."""

    def __init__(self, seed, segmentation):
        self.rng = np.random.default_rng(seed)
        self.layers, self.segmentation = {}, segmentation
        self.conv('stem', STEM, 3, 3)
        before = STEM
        for i, after in enumerate(CHANNELS):
            wide = before if i == 0 else 3 * before
            if i:
                self.conv(f'{i}.expand', wide, before, 1)
            self.conv(f'{i}.depthwise', wide, 1, 3)
            self.conv(f'{i}.project', after, wide, 1)
            before = after
        self.conv('last', LAST, before, 1)
        if segmentation:
            self.conv('pool', DEPTH, before, 1)
            self.conv('aspp', DEPTH, before, 1)
            self.conv('projection', DEPTH, 2 * DEPTH, 1)
        self.conv('classifier', CLASSES, DEPTH if segmentation else LAST, 1, norm=False)

    def conv(self, name, out, inputs, kernel, norm=True):
        def draw(low, high, *shape):
            return self.rng.uniform(low, high, shape).astype('f4')
        reach = np.sqrt(6 / (inputs * kernel * kernel))
        self.layers[name] = (draw(-reach, reach, out, inputs, kernel, kernel),
                             {'weight': draw(0.5, 1.5, out), 'bias': draw(-0.5, 1, out), 'running_mean': draw(-0.5, 0.5, out),
                              'running_var': draw(0.5, 2, out)} if norm else None,
                             None if norm else draw(-1, 1, out))

    def tensors(self, names):
        """As a state_dict has them. names: layer -> (name of its convolution, name of its batch norm)."""
        out = {}
        for layer, (weight, norm, bias) in self.layers.items():
            conv_name, norm_name = names(layer)
            dense = layer == 'classifier' and not self.segmentation
            out[conv_name + '.weight'] = weight[:, :, 0, 0] if dense else weight
            if bias is not None:
                out[conv_name + '.bias'] = bias
            for part, values in (norm or {}).items():
                out[f'{norm_name}.{part}'] = values
            if norm:
                out[norm_name + '.num_batches_tracked'] = np.array(7, 'i8')
        return out

    # ---- what it means ----

    def run(self, name, x, stride=1, rate=1, activation=None, same=True, epsilon=1e-3):
        """x: [channels, height, width]."""
        weight, norm, bias = self.layers[name]
        weight = weight.astype('f8')
        kernel, pads = weight.shape[2], []
        for n in x.shape[1:]:
            reach = (kernel - 1) * rate
            zeros = max((-(-n // stride) - 1) * stride + reach + 1 - n, 0)
            pads.append((zeros // 2, zeros - zeros // 2) if same else (reach // 2, reach // 2))
        x = np.pad(x, [(0, 0)] + pads)
        height, width = ((n - (kernel - 1) * rate - 1) // stride + 1 for n in x.shape[1:])
        y = 0
        for i in range(kernel):
            for j in range(kernel):
                part = x[:, i * rate:, j * rate:][:, :(height - 1) * stride + 1:stride, :(width - 1) * stride + 1:stride]
                if '.depthwise' in name:
                    y = y + part * weight[:, 0, i, j, None, None]
                else:
                    y = y + np.einsum('oc,chw->ohw', weight[:, :, i, j], part)
        if norm:
            n = {part: values.astype('f8')[:, None, None] for part, values in norm.items()}
            y = (y - n['running_mean']) / np.sqrt(n['running_var'] + epsilon) * n['weight'] + n['bias']
        if bias is not None:
            y = y + bias.astype('f8')[:, None, None]
        return np.clip(y, 0, {None: np.inf, 'relu': np.inf, 'relu6': 6}[activation]) if activation else y

    def features(self, x, output_stride, same, epsilon):
        how = {'same': same, 'epsilon': epsilon}
        x = self.run('stem', x, 2, activation='relu6', **how)
        reached, rate = 2, 1
        for i, stride in enumerate(STRIDES):
            own = rate
            if reached == output_stride:
                rate, stride = rate * stride, 1
            reached *= stride
            y = self.run(f'{i}.expand', x, activation='relu6', **how) if i else x
            y = self.run(f'{i}.depthwise', y, stride, own, 'relu6', **how)
            y = self.run(f'{i}.project', y, **how)
            x = x + y if stride == 1 and x.shape[0] == y.shape[0] else y
        return x

    def scores(self, x, output_stride=32, same=True, epsilon=1e-3, head_epsilon=1e-5):
        """Logits [classes, height, width], of a classifier [classes]."""
        x = self.features(x, output_stride, same, epsilon)
        if not self.segmentation:
            x = self.run('last', x, activation='relu6', epsilon=epsilon).mean((1, 2), keepdims=True)
            return self.run('classifier', x)[:, 0, 0]
        pooled = self.run('pool', x.mean((1, 2), keepdims=True), activation='relu', epsilon=head_epsilon)
        own = self.run('aspp', x, activation='relu', epsilon=head_epsilon)
        both = np.concatenate([np.broadcast_to(pooled, own.shape), own])
        return self.run('classifier', self.run('projection', both, activation='relu', epsilon=head_epsilon))


class ResNet(Net):
    """torchvision's with bottlenecks, as a classifier or with DeepLabv3's head; layers are called as there. norms: what the batch
    norm of a convolution is called."""

    def __init__(self, seed, units, segmentation):
        self.rng = np.random.default_rng(seed)
        self.layers, self.norms, self.units, self.segmentation = {}, {}, units, segmentation
        self.backbone = 'backbone.' if segmentation else ''
        self.add('conv1', 'bn1', 4, 3, 7)
        before = 4
        for k, count in enumerate(units):
            for i in range(count):
                name, middle, after = f'layer{k + 1}.{i}.', 2 + k // 2, 5 + k
                if i == 0:
                    self.add(name + 'downsample.0', name + 'downsample.1', after, before, 1)
                self.add(name + 'conv1', name + 'bn1', middle, before, 1)
                self.add(name + 'conv2', name + 'bn2', middle, middle, 3)
                self.add(name + 'conv3', name + 'bn3', after, middle, 1)
                before = after
        if segmentation:
            head = 'classifier.0.'
            for i, kernel in enumerate((1, 3, 3, 3)):
                self.add(f'{head}convs.{i}.0', f'{head}convs.{i}.1', DEPTH, before, kernel)
            self.add(head + 'convs.4.1', head + 'convs.4.2', DEPTH, before, 1)
            self.add(head + 'project.0', head + 'project.1', DEPTH, 5 * DEPTH, 1)
            self.add('classifier.1', 'classifier.2', DEPTH, DEPTH, 3)
        self.conv('classifier.4' if segmentation else 'fc', CLASSES, DEPTH if segmentation else before, 1, norm=False)

    def add(self, conv, norm, out, inputs, kernel):
        self.norms[conv] = norm
        self.conv(conv, out, inputs, kernel)

    def tensors(self, names=None):
        def named(layer):
            before = '' if layer.startswith('classifier') or layer == 'fc' else self.backbone
            return before + layer, before + self.norms.get(layer, '')
        out = super().tensors(names or named)
        return {name: a[:, :, 0, 0] if name == 'fc.weight' and a.ndim == 4 else a for name, a in out.items()}

    def relu(self, name, x, stride=1, rate=1):
        return self.run(name, x, stride, rate, 'relu', same=False, epsilon=1e-5)

    def bottlenecks(self, x, output_stride):
        reached, rate = 4, 1
        for k, count in enumerate(self.units):
            for i in range(count):
                own, stride = rate, 2 if k and i == 0 else 1
                if reached == output_stride:
                    rate, stride = rate * stride, 1
                reached *= stride
                name = f'layer{k + 1}.{i}.'
                y = self.relu(name + 'conv2', self.relu(name + 'conv1', x), stride, own)
                y = self.run(name + 'conv3', y, same=False, epsilon=1e-5)
                if i == 0:
                    x = self.run(name + 'downsample.0', x, stride, same=False, epsilon=1e-5)
                x = np.maximum(x + y, 0)
        return x

    def scores(self, x, output_stride):
        x = self.relu('conv1', x, 2)
        x = np.pad(x, [(0, 0), (1, 1), (1, 1)], constant_values=-np.inf)
        height, width = ((n - 3) // 2 + 1 for n in x.shape[1:])
        x = np.max([x[:, i:, j:][:, :2 * height - 1:2, :2 * width - 1:2] for i in range(3) for j in range(3)], 0)
        x = self.bottlenecks(x, output_stride)
        if not self.segmentation:
            return self.run('fc', x.mean((1, 2), keepdims=True))[:, 0, 0]
        maps = [self.relu(f'classifier.0.convs.{i}.0', x, 1, 12 * i * 8 // output_stride or 1) for i in range(4)]
        pooled = self.relu('classifier.0.convs.4.1', x.mean((1, 2), keepdims=True))
        y = self.relu('classifier.0.project.0', np.concatenate([*maps, np.broadcast_to(pooled, maps[0].shape)]))
        return self.run('classifier.4', self.relu('classifier.1', y))


def hugging_face(segmentation):
    def names(layer):
        head = {'pool': 'conv_pool', 'aspp': 'conv_aspp', 'projection': 'conv_projection', 'classifier': 'classifier'}
        parts = {'expand': 'expand_1x1', 'depthwise': 'conv_3x3', 'project': 'reduce_1x1'}
        if layer == 'classifier' and not segmentation:
            return 'classifier', None
        if layer in head:
            path = f'segmentation_head.{head[layer]}'
        elif layer in ('stem', 'last'):
            path = 'mobilenet_v2.' + {'stem': 'conv_stem.first_conv', 'last': 'conv_1x1'}[layer]
        else:
            block, part = layer.split('.')
            path = f'mobilenet_v2.{"conv_stem" if block == "0" else f"layer.{int(block) - 1}"}.{parts[part]}'
        return path + '.convolution', path + '.normalization'
    return names


def torchvision(layer):
    if layer == 'classifier':
        return 'classifier.1', None
    if layer in ('stem', 'last'):
        return (f'features.{0 if layer == "stem" else 18}.{i}' for i in (0, 1))
    block, part = layer.split('.')
    place = {'expand': ('0.0', '0.1'), 'depthwise': ('1.0', '1.1'), 'project': ('2', '3')}
    if block == '0':
        place = {'depthwise': ('0.0', '0.1'), 'project': ('1', '2')}
    return (f'features.{int(block) + 1}.conv.{i}' for i in place[part])
