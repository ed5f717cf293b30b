#include "base/alloc.h"
#include "graph/op.h"

/* Two linear 1x1 convolutions in a row are one. MobileNetV2's last block projects 960 channels to 320, of which DeepLabv3's first
 * branch makes 256: 960 x 256 products a pixel instead of 960 x 320 + 320 x 256. */

static bool reads(const mseg_op *op, mseg_value value)
{
    for (int i = 0; i < op->n_inputs; i++)
        if (op->inputs[i] == value)
            return true;
    return op->add == value;
}

/* Whether only conv and global pools read block's output; whether a pool does. */
static bool has_no_other_readers(const mseg_graph *graph, const mseg_op *block, const mseg_op *conv, bool *pooled)
{
    *pooled = false;
    for (int i = 0; i < graph->n_ops; i++) {
        const mseg_op *op = &graph->ops[i];
        if (op == conv || !reads(op, block->out))
            continue;
        if (op->type != &mseg_operator_global_pool)
            return false;
        *pooled = true;
    }
    return graph->output != block->out;
}

static bool is_less_work(const mseg_op *block, const mseg_op *conv)
{
    int64_t k = block->expanded, m = block->out_channels, n = conv->out_channels;
    return k * n < k * m + m * n;
}

enum { ROWS = 4 }; /* of the projection at a time */

/* weights [n][k] and bias [n] of the product. Room: row [k], projection [m rounded up to ROWS][k] of zeros. */
static void multiply(const mseg_op *block, const mseg_op *conv, float *weights, float *bias, double *row, float *projection)
{
    const int k = block->expanded, m = block->out_channels;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < k; j++)
            projection[i * k + j] = mseg_packed_weight(&block->weights, 0, j, i);
    for (int n = 0; n < conv->out_channels; n++) {
        double sum = (double)conv->bias[n];
        for (int j = 0; j < k; j++)
            row[j] = 0;
        for (int i = 0; i < m; i += ROWS) {
            const float *p = projection + i * k;
            double w[ROWS] = {0};
            for (int r = 0; r < ROWS && i + r < m; r++) {
                w[r] = (double)mseg_packed_weight(&conv->weights, 0, i + r, n);
                sum += w[r] * (double)block->bias[i + r];
            }
            for (int j = 0; j < k; j++, p++)
                row[j] += w[0] * (double)p[0] + w[1] * (double)p[k] + w[2] * (double)p[2 * k] + w[3] * (double)p[3 * k];
        }
        bias[n] = (float)sum;
        for (int j = 0; j < k; j++)
            weights[n * k + j] = (float)row[j];
    }
}

static mseg_status fold(const mseg_graph *graph, mseg_op *block, const mseg_op *conv, bool pooled)
{
    mseg_status status = MSEG_NOMEM;
    const mseg_gemm_kernel *gemm = &graph->kernels->gemm;
    const size_t k = (size_t)block->expanded, n = (size_t)conv->out_channels, origin = 0;
    float *weights = mseg_alloc_array(n * k, sizeof *weights);
    float *bias = mseg_alloc_array(n, sizeof *bias);
    double *row = mseg_alloc_array(k, sizeof *row);
    float *projection = mseg_alloc_array(mseg_round_up((size_t)block->out_channels, ROWS) * k, sizeof *projection);
    if (weights && bias && row && projection) {
        multiply(block, conv, weights, bias, row, projection);
        block->folded_bias = mseg_pack_bias(bias, conv->out_channels, gemm->nr);
        if (block->folded_bias)
            status = mseg_pack(&block->folded_weights, gemm, weights, k, &origin, 1, block->expanded, conv->out_channels);
        if (!status) {
            block->folded = conv->out;
            block->pooled = pooled;
            block->weight_bytes += block->folded_weights.bytes;
        }
    }
    mseg_free(&weights);
    mseg_free(&bias);
    mseg_free(&row);
    mseg_free(&projection);
    return status;
}

mseg_status mseg_fold(mseg_graph *graph)
{
    mseg_status status = MSEG_OK;
    for (int i = 0; i < graph->n_ops && !status; i++) {
        const mseg_op *conv = &graph->ops[i];
        if (conv->type != &mseg_operator_conv || conv->kernel != 1 || conv->stride != 1 || conv->n_inputs != 1 || conv->add >= 0)
            continue;
        mseg_op *block = &graph->ops[conv->inputs[0]];
        bool pooled;
        if (block->type == &mseg_operator_inverted_residual && block->activation == MSEG_LINEAR && !block->residual &&
            block->folded < 0 && is_less_work(block, conv) && has_no_other_readers(graph, block, conv, &pooled))
            status = fold(graph, block, conv, pooled);
    }
    return status;
}
