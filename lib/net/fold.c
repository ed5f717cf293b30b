#include <string.h>

#include "base/alloc.h"
#include "net/net.h"

/* Two linear 1x1 convolutions in a row are one. MobileNetV2's last block projects 960 channels to 320, of which DeepLabv3's first
 * branch makes 256: 960 x 256 products a pixel instead of 960 x 320 + 320 x 256. A global pool of what is between them moves
 * before the projection, which then is of one vector: the average of what is projected, projected. */

static bool is_plain_pointwise(const mseg_net_layer *layer)
{
    return layer->kind == MSEG_CONV && layer->kernel == 1 && layer->stride == 1 && layer->n_in == 1 && layer->add < 0 &&
           !layer->vector && !*layer->through;
}

static bool is_less_work(const mseg_net_layer *projection, const mseg_net_layer *conv)
{
    int64_t k = projection->in_channels, m = projection->channels, n = conv->channels;
    return k * n < k * m + m * n;
}

/* Whether the only other reader of the projection's output is a global pool, if any. */
static bool has_no_other_readers(const mseg_net *net, mseg_value projection, mseg_value conv)
{
    int pools = 0;
    for (int i = 0; i < net->count; i++)
        pools += i != conv && mseg_layer_reads(&net->layers[i], projection) && net->layers[i].kind == MSEG_GLOBAL_POOL;
    return pools <= 1 && mseg_net_readers(net, projection) == pools + 1;
}

/* The convolution that is to be one with projection, -1: none. */
static mseg_value partner_of(const mseg_net *net, mseg_value projection)
{
    const mseg_net_layer *p = &net->layers[projection];
    if (!is_plain_pointwise(p) || p->activation != MSEG_LINEAR || net->layers[p->in[0]].kind != MSEG_DEPTHWISE ||
        mseg_net_readers(net, p->in[0]) != 1)
        return -1;
    for (int i = projection + 1; i < net->count; i++) {
        const mseg_net_layer *conv = &net->layers[i];
        if (is_plain_pointwise(conv) && conv->in[0] == projection && !*conv->block && is_less_work(p, conv) &&
            has_no_other_readers(net, projection, i))
            return i;
    }
    return -1;
}

typedef struct rewrite {
    const mseg_net *net;
    mseg_net *folded;
    mseg_value *now;     /* what has become of each value; -1: it is gone */
    mseg_value *partner; /* of each projection */
} rewrite;

static mseg_status add(rewrite *r, const mseg_net_layer *layer, mseg_value *out)
{
    mseg_net_layer moved = *layer;
    for (int i = 0; i < moved.n_in; i++)
        moved.in[i] = r->now[moved.in[i]];
    if (moved.add >= 0)
        moved.add = r->now[moved.add];
    return mseg_net_add(r->folded, &moved, out);
}

/* Projection and partner as one layer. */
static mseg_status add_product(rewrite *r, mseg_value projection)
{
    const mseg_value partner = r->partner[projection];
    mseg_net_layer conv = r->net->layers[partner];
    conv.in[0] = r->net->layers[projection].in[0];
    memcpy(conv.through, r->net->layers[projection].name, sizeof conv.through);
    r->now[projection] = -1;
    return add(r, &conv, &r->now[partner]);
}

/* The pool of a projection that is gone: the projection of the pool. */
static mseg_status add_pool(rewrite *r, mseg_value value)
{
    mseg_net_layer pool = r->net->layers[value], projection = r->net->layers[pool.in[0]];
    pool.in[0] = projection.in[0];
    pool.channels = projection.in_channels;
    mseg_status status = add(r, &pool, &projection.in[0]);
    return status ? status : mseg_net_add(r->folded, &projection, &r->now[value]);
}

static mseg_status rewrite_layer(rewrite *r, mseg_value value)
{
    const mseg_net_layer *layer = &r->net->layers[value];
    if (layer->kind == MSEG_INPUT)
        return mseg_net_picture(r->folded, &r->now[value]);
    r->partner[value] = partner_of(r->net, value);
    if (r->partner[value] >= 0)
        return add_product(r, value);
    const mseg_value gone = r->partner[layer->in[0]];
    if (gone == value)
        return MSEG_OK; /* it came with the projection */
    return gone >= 0 ? add_pool(r, value) : add(r, layer, &r->now[value]);
}

mseg_status mseg_net_fold(mseg_net *folded, const mseg_net *net)
{
    *folded = (mseg_net){.input = net->input};
    rewrite r = {.net = net, .folded = folded};
    mseg_status status = MSEG_NOMEM;
    r.now = mseg_alloc_array((size_t)net->count, sizeof *r.now);
    r.partner = mseg_alloc_array((size_t)net->count, sizeof *r.partner);
    if (!r.now || !r.partner)
        goto done;
    status = MSEG_OK;
    for (int i = 0; i < net->count; i++)
        r.partner[i] = -1;
    for (int i = 0; i < net->count && !status; i++)
        status = rewrite_layer(&r, i);
    for (int i = 0; i < net->n_outputs && !status; i++)
        status = mseg_net_output(folded, r.now[net->outputs[i]]);
done:
    mseg_free(&r.now);
    mseg_free(&r.partner);
    if (status)
        mseg_net_free(folded);
    return status;
}
