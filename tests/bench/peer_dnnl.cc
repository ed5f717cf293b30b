// oneDNN, NHWC: every convolution is a primitive with packed weights; activation and residual addition are its post-operations.
// Usage: peer_dnnl FOLDER THREADS RUNS. Prints a line of JSON.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <unordered_map>
#include <vector>

using namespace dnnl;
using Arguments = std::unordered_map<int, memory>;
static const auto F32 = memory::data_type::f32;

struct Layer { // a line of network.txt
    std::string kind, activation;
    memory::dim channels, height, width, kernel, stride, rate, groups;
    std::vector<size_t> inputs;
};

static std::vector<Layer> read_layers(const std::string &path)
{
    std::vector<Layer> layers;
    std::ifstream file(path);
    Layer l;
    size_t inputs;
    while (file >> l.kind >> l.channels >> l.height >> l.width >> l.kernel >> l.stride >> l.rate >> l.groups >> l.activation >>
           inputs) {
        l.inputs.resize(inputs);
        for (size_t &input : l.inputs)
            file >> input;
        layers.push_back(l);
    }
    return layers;
}

static std::vector<float> read_floats(const std::string &path)
{
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    std::vector<float> values(file ? (size_t)file.tellg() / sizeof(float) : 0);
    file.seekg(0);
    file.read(reinterpret_cast<char *>(values.data()), (std::streamsize)(values.size() * sizeof(float)));
    if (!file || values.empty()) {
        fprintf(stderr, "peer_dnnl: cannot read '%s'\n", path.c_str());
        exit(1);
    }
    return values;
}

class Network
{
  public:
    explicit Network(const std::string &folder)
        : engine_(engine::kind::cpu, 0), stream_(engine_), layers_(read_layers(folder + "/network.txt")),
          weights_(read_floats(folder + "/weights.f32")), picture_(read_floats(folder + "/input.f32"))
    {
        memory nchw({{1, 3, 513, 513}, F32, memory::format_tag::nchw}, engine_, picture_.data());
        tensors_.push_back(memory({{1, 3, 513, 513}, F32, memory::format_tag::nhwc}, engine_));
        reorder(nchw, tensors_[0]).execute(stream_, nchw, tensors_[0]);
        for (size_t i = 0; i < layers_.size(); i++)
            if (tensors_.size() == i + 1) // not made by the layer before
                append(i);
        stream_.wait();
    }

    void run()
    {
        for (auto &step : steps_)
            step.first.execute(stream_, step.second);
        stream_.wait();
    }

    std::vector<float> logits()
    {
        const memory::dims dims = tensors_.back().get_desc().dims();
        std::vector<float> values((size_t)(dims[1] * dims[2] * dims[3]));
        memory nchw({dims, F32, memory::format_tag::nchw}, engine_, values.data());
        reorder(tensors_.back(), nchw).execute(stream_, tensors_.back(), nchw);
        stream_.wait();
        return values;
    }

  private:
    static memory::desc describe(const Layer &l)
    {
        return {{1, l.channels, l.height, l.width}, F32, memory::format_tag::nhwc};
    }

    void append(size_t i)
    {
        const Layer &l = layers_[i];
        const memory source = tensors_[l.inputs[0]];
        if (l.kind == "conv")
            return append_conv(i);
        memory output(describe(l), engine_);
        tensors_.push_back(output);
        if (l.kind == "pool") {
            const memory::dims size = source.get_desc().dims();
            pooling_forward::primitive_desc pool({prop_kind::forward_inference,
                                                  algorithm::pooling_avg_exclude_padding,
                                                  source.get_desc(),
                                                  describe(l),
                                                  {1, 1},
                                                  {size[2], size[3]},
                                                  {0, 0},
                                                  {0, 0}},
                                                 engine_);
            steps_.push_back({pooling_forward(pool), {{DNNL_ARG_SRC, source}, {DNNL_ARG_DST, output}}});
        } else if (l.kind == "broadcast") {
            resampling_forward::primitive_desc broadcast(
                {prop_kind::forward_inference, algorithm::resampling_nearest, source.get_desc(), describe(l)}, engine_);
            steps_.push_back({resampling_forward(broadcast), {{DNNL_ARG_SRC, source}, {DNNL_ARG_DST, output}}});
        } else if (l.kind == "concat") {
            std::vector<memory::desc> inputs;
            Arguments arguments = {{DNNL_ARG_DST, output}};
            for (size_t k = 0; k < l.inputs.size(); k++) {
                inputs.push_back(tensors_[l.inputs[k]].get_desc());
                arguments[DNNL_ARG_MULTIPLE_SRC + (int)k] = tensors_[l.inputs[k]];
            }
            steps_.push_back({concat(concat::primitive_desc(describe(l), 1, inputs, engine_)), arguments});
        } else {
            fprintf(stderr, "peer_dnnl: layer %zu: unexpected '%s'\n", i, l.kind.c_str());
            exit(1);
        }
    }

    void append_conv(size_t i)
    {
        const Layer &l = layers_[i];
        const memory source = tensors_[l.inputs[0]];
        const bool added = i + 1 < layers_.size() && layers_[i + 1].kind == "add";
        const memory output =
            added ? tensors_[layers_[i + 1].inputs[0]] : memory(describe(l), engine_); // the sum is made in place
        post_ops after;
        if (added)
            after.append_sum(1);
        if (l.activation == "relu")
            after.append_eltwise(1, algorithm::eltwise_relu, 0, 0);
        if (l.activation == "relu6")
            after.append_eltwise(1, algorithm::eltwise_clip, 0, 6);
        primitive_attr attributes;
        attributes.set_post_ops(after);

        const memory::dim in_channels = source.get_desc().dims()[1], padding = l.rate * (l.kernel / 2);
        const bool depthwise = l.groups > 1;
        const memory::dims shape = depthwise ? memory::dims{l.groups, 1, 1, l.kernel, l.kernel}
                                             : memory::dims{l.channels, in_channels, l.kernel, l.kernel};
        convolution_forward::primitive_desc conv({prop_kind::forward_inference,
                                                  algorithm::convolution_direct,
                                                  source.get_desc(),
                                                  {shape, F32, memory::format_tag::any},
                                                  {{l.channels}, F32, memory::format_tag::x},
                                                  describe(l),
                                                  {l.stride, l.stride},
                                                  {l.rate - 1, l.rate - 1},
                                                  {padding, padding},
                                                  {padding, padding}},
                                                 attributes, engine_);
        memory plain({shape, F32, depthwise ? memory::format_tag::goihw : memory::format_tag::oihw}, engine_, &weights_[used_]);
        memory packed(conv.weights_desc(), engine_);
        reorder(plain, packed).execute(stream_, plain, packed);
        used_ += plain.get_desc().get_size() / sizeof(float);
        memory bias({{l.channels}, F32, memory::format_tag::x}, engine_, &weights_[used_]);
        used_ += (size_t)l.channels;
        steps_.push_back({convolution_forward(conv),
                          {{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST, output}}});
        tensors_.push_back(output);
        if (added)
            tensors_.push_back(output);
    }

    engine engine_;
    stream stream_;
    std::vector<Layer> layers_;
    std::vector<float> weights_, picture_;
    size_t used_ = 0; // of weights_
    std::vector<memory> tensors_;
    std::vector<std::pair<primitive, Arguments>> steps_;
};

static double now_ms()
{
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: peer_dnnl FOLDER THREADS RUNS\n");
        return 2;
    }
    const int WARM_UP = 3, runs = atoi(argv[3]);
    const std::string folder = argv[1];
    omp_set_num_threads(atoi(argv[2]));
    Network network(folder);
    network.run();
    const std::vector<float> logits = network.logits(), wanted = read_floats(folder + "/logits.f32");
    double difference = logits.size() == wanted.size() ? 0 : INFINITY, largest = 0;
    for (size_t i = 0; i < std::min(logits.size(), wanted.size()); i++) {
        difference = std::max(difference, (double)std::fabs(logits[i] - wanted[i]));
        largest = std::max(largest, (double)std::fabs(wanted[i]));
    }
    std::vector<double> times;
    for (int i = 1 - WARM_UP; i < runs; i++) {
        const double start = now_ms();
        network.run();
        if (i >= 0)
            times.push_back(now_ms() - start);
    }
    std::sort(times.begin(), times.end());
    const double median = (times[(times.size() - 1) / 2] + times[times.size() / 2]) / 2;
    const dnnl_version_t *version = dnnl_version();
    printf("{\"name\": \"oneDNN %d.%d.%d NHWC\", \"min_ms\": %.4f, \"median_ms\": %.4f, \"error\": %.3g}\n", version->major,
           version->minor, version->patch, times[0], median, difference / largest);
}
