#!/usr/bin/python3
"""test_engine.py ENGINE_OF ENGINE_OF_DOUBLE: networks of every kind of layer, forward and backward, held to PyTorch's autograd in float64
on odd sizes; 20 steps of each optimiser to torch.optim's, TensorFlow's RMSProp written out."""
import re
import subprocess
import sys

import numpy as np
try:
    import torch
    import torch.nn.functional as F
except ImportError:
    print('SKIP: no PyTorch (python3-torch)')
    sys.exit(0)

torch.set_num_threads(1)
EPSILON = 1e-3


def pad16(n):
    return (n + 15) // 16 * 16


class Net:
    """What engine_of printed: layers and parameters, as a function of a vector of parameters."""

    def __init__(self, lines):
        self.layers, self.params, self.outputs, self.words = [], {}, [], {}
        for line in lines:
            word = line.split()
            if word[0] == 'layer':
                keys = {k: int(word[word.index(k) + 1]) for k in
                        ('kind', 'add', 'kernel', 'stride', 'rate', 'padding', 'activation', 'channels', 'vector')}
                keys['in'] = [int(k) for k in word[word.index('in') + 1:word.index('add')]]
                self.layers.append(keys)
            elif word[0] == 'param':
                self.params[int(word[1]), int(word[3])] = (int(word[5]), int(word[7]), int(word[9]))
            elif word[0] == 'output':
                self.outputs.append(int(word[1]))
            else:
                self.words.update(zip(word[::2], map(float, word[1::2])))
        self.statistics, at = {}, 0
        for i, l in enumerate(self.layers):
            if (i, 1) in self.params:
                self.statistics[i] = at
                at += 2 * pad16(l['channels'])

    def weight(self, i, p):
        """Layer i's weights as PyTorch has them."""
        l, (at, count, _) = self.layers[i], self.params[i, 0]
        out, k = pad16(l['channels']), l['kernel']
        w = p[at:at + count].reshape(-1, out)[:, :l['channels']]
        if l['kind'] == 2:
            return w.T.reshape(l['channels'], 1, 3, 3)
        if l['in'] == [0]:
            return w[:3 * k * k].reshape(k, k, 3, -1).permute(3, 2, 0, 1)
        maps = [j for j in l['in'] if not self.layers[j]['vector']]
        depth = sum(pad16(self.layers[j]['channels']) for j in maps)
        parts, map_at, vector_at = [], 0, k * k * depth
        for j in l['in']:
            n = self.layers[j]['channels']
            if self.layers[j]['vector']:
                parts.append(w[vector_at:vector_at + n].reshape(1, 1, n, -1).permute(3, 2, 0, 1))
                vector_at += pad16(n)
            else:
                parts.append(w[:k * k * depth].reshape(k, k, depth, -1)[:, :, map_at:map_at + n].permute(3, 2, 0, 1))
                map_at += pad16(n)
        return torch.cat(parts, 1)

    def run(self, p, statistics, pictures, mode):
        """Returns the outputs and what running statistics become (momentum 0.1)."""
        values, kept = [pictures.permute(0, 3, 1, 2)], statistics.clone()
        for i, l in enumerate(self.layers[1:], 1):
            inputs = [values[j] for j in l['in']]
            if l['kind'] == 3:
                values.append(inputs[0].mean((2, 3), keepdim=True))
                continue
            size = max((x.shape[2:] for x in inputs), key=lambda s: s[0] * s[1])
            x = torch.cat([y.expand(-1, -1, *size) if y.shape[2:] == (1, 1) else y for y in inputs], 1)
            k, s, r, pads = l['kernel'], l['stride'], l['rate'], []
            for n in (size[1], size[0]):
                if l['padding'] == 0:
                    total = max((-(-n // s) - 1) * s + (k - 1) * r + 1 - n, 0)
                    pads += [total // 2, total - total // 2]
                else:
                    pads += [(k - 1) // 2 * r] * 2
            y = F.conv2d(F.pad(x, pads), self.weight(i, p), stride=s, dilation=r,
                         groups=l['channels'] if l['kind'] == 2 else 1)
            n = l['channels']
            shift = p[self.params[i, 2][0]:][:n]
            if (i, 1) in self.params:
                scale, at = p[self.params[i, 1][0]:][:n], self.statistics[i]
                mean, var = kept[at:at + n], kept[at + pad16(n):at + pad16(n) + n]
                if mode == 'none':
                    y = y + shift[:, None, None]
                else:
                    y = F.batch_norm(y, mean, var, scale, shift, mode == 'batch', 0.1, EPSILON)
            else:
                y = y + shift[:, None, None]
            if l['add'] >= 0:
                y = y + values[l['add']]
            values.append([y, F.relu(y), F.hardtanh(y, 0, 6)][l['activation']])
        return [values[i] for i in self.outputs], kept


def read(program, *args):
    """The net, and functions that take the next numbers, or the last ones, the pictures."""
    out = subprocess.run([program, *map(str, args)], stdout=subprocess.PIPE, check=True).stdout
    head, data = out.split(b'data\n', 1)
    numbers, at = np.frombuffer(data, np.float64), [0]

    def take(*shape):
        n = int(np.prod(shape))
        at[0] += n
        return torch.tensor(numbers[at[0] - n:at[0]].reshape(shape))

    def last(*shape):
        return torch.tensor(numbers[-int(np.prod(shape)):].reshape(shape))
    return Net(head.decode().splitlines()), take, last


def far(got, want):
    """The largest difference beside the largest number."""
    return float((got - want).abs().max() / (want.abs().max() + 1e-30))


def check_gradient(program, tolerance, kind, padding, height, width, mode):
    samples = 3
    net, take, last = read(program, kind, padding, height, width, samples, mode, 0, '-')
    size, n_statistics, worst = int(net.words['size']), int(net.words['statistics']), {}
    p, statistics, gradient = take(size).requires_grad_(), take(n_statistics), take(size)
    pictures = last(samples, height, width, 3)
    outs, kept = net.run(p, statistics, pictures, mode)
    loss = 0
    for i, out in enumerate(outs):
        both = take(samples, out.shape[2], out.shape[3], 2, out.shape[1])
        got, weights = both[:, :, :, 0], both[:, :, :, 1]
        worst['output %d' % i] = far(got, out.detach().permute(0, 2, 3, 1))
        loss = loss + (out.permute(0, 2, 3, 1) * weights).sum()
    loss.backward()
    whole = p.grad.abs().max()
    for (i, what), (at, count, _) in net.params.items():
        mine, his = gradient[at:at + count], p.grad[at:at + count]
        if his.abs().max() > 1e-6 * whole:  # shifts before another norm have none
            worst['layer %d kind %d' % (i, what)] = far(mine, his)
        elif mine.abs().max() > 1e-5 * whole:
            worst['layer %d kind %d' % (i, what)] = 1
    if mode == 'batch':
        now, real = take(n_statistics), torch.zeros(n_statistics, dtype=torch.bool)
        for i, at in net.statistics.items():
            for part in (at, at + pad16(net.layers[i]['channels'])):
                real[part:part + net.layers[i]['channels']] = True
        worst['statistics'] = far(now[real], kept[real])
    bad = {k: v for k, v in worst.items() if not v < tolerance}
    print('%s %s %d x %d %s: at most %.1e' % (kind, padding, width, height, mode, max(worst.values())))
    if bad:
        print('FAIL', bad)
    return not bad


def check_steps(program, rule, tolerance):
    steps, samples, height, width = 20, 4, 33, 29
    args = ('deeplab', 'same', height, width, samples, 'batch', steps, rule)
    net, take, last = read(program, *args)
    size, n_statistics, w = int(net.words['size']), int(net.words['statistics']), net.words
    p, want_end = take(size).requires_grad_(), take(size)
    pictures = last(samples, height, width, 3)
    # the statistics at the start are those of a run without steps
    _, again, _ = read(program, 'deeplab', 'same', height, width, samples, 'batch', 0, '-')
    again(size)
    statistics = again(n_statistics)
    start = p.detach().clone()
    decays = torch.zeros(size, dtype=torch.bool)
    for (_, _), (at, count, decay) in net.params.items():
        decays[at:at + count] = bool(decay)
    rate, decay = w['rate'], 0.01
    square, momentum = torch.ones(size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
    if rule != 'rmsprop':
        groups = [p.detach()[decays].clone().requires_grad_(), p.detach()[~decays].clone().requires_grad_()]
        settings = [{'params': [groups[0]], 'weight_decay': decay}, {'params': [groups[1]], 'weight_decay': 0}]
        optimiser = (torch.optim.SGD(settings, rate, w['momentum']) if rule == 'sgd' else
                     torch.optim.AdamW(settings, rate, (w['momentum'], w['decay']), w['epsilon']))
    for _ in range(steps):
        p.grad = None
        (out,), statistics = net.run(p, statistics, pictures, 'batch')
        (0.5 * ((out - 1)**2).mean()).backward()
        with torch.no_grad():
            if rule == 'rmsprop':  # tensorflow/core/kernels/training_ops: ApplyRMSProp, mean square of ones
                g = p.grad + decay * decays * p
                square = square * w['decay'] + (1 - w['decay']) * g * g
                momentum = w['momentum'] * momentum + rate * g / torch.sqrt(square + w['epsilon'])
                p -= momentum
            else:
                groups[0].grad, groups[1].grad = p.grad[decays], p.grad[~decays]
                optimiser.step()
                p[decays], p[~decays] = groups[0].detach(), groups[1].detach()
    moved = (p.detach() - start).abs().max()
    # shifts before another norm have no gradient but rounding, of which AdamW makes whole steps
    counts = torch.ones(size, dtype=torch.bool)
    for (i, what), (at, count, _) in net.params.items():
        if what == 2 and (i, 1) in net.params and net.layers[i]['activation'] == 0:
            counts[at:at + count] = False
    worst = float((want_end - p.detach())[counts].abs().max() / moved)
    print('%s, 20 steps: at most %.1e of the way of %.2g' % (rule, worst, moved))
    return worst < tolerance


def main():
    ok = True
    for program, tolerance in ((sys.argv[1], 1e-5), (sys.argv[2], 1e-9)):
        for trial in (('deeplab', 'same', 33, 25, 'batch'), ('deeplab', 'same', 22, 31, 'fixed'), ('deeplab', 'symmetric', 26, 20, 'batch'),
                      ('deeplab', 'same', 17, 33, 'none'), ('plain', 'same', 29, 34, 'batch'), ('plain', 'symmetric', 30, 21, 'batch'),
                      ('hinted', 'same', 29, 34, 'batch'), ('hinted', 'symmetric', 30, 21, 'fixed'),
                      ('classifier', 'same', 31, 31, 'batch')):
            ok &= check_gradient(program, tolerance, *trial)
    # In float the others make whole steps of gradients that are nothing but rounding.
    for program, rules in ((sys.argv[1], ('sgd',)), (sys.argv[2], ('sgd', 'rmsprop', 'adamw'))):
        for rule in rules:
            ok &= check_steps(program, rule, 1e-4)
    sys.exit(not ok)


main()
