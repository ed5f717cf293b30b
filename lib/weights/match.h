#ifndef MSEG_WEIGHTS_MATCH_H
#define MSEG_WEIGHTS_MATCH_H

/* Inside lib/weights only. In: the nodes of a foreign file. Out: those that are a network's layers under their canonical names
 * (match.c: a convolution; match_backbone.c, match_resnet.c, match_head.c: what follows what). */

#include "net/networks.h"
#include "weights/graph.h"

enum { MSEG_MATCH_BLOCKS = 128 }; /* and units */

typedef struct mseg_matcher {
    mseg_graph *graph;
    mseg_weights *weights;
    mseg_error *err;
    const mseg_network *network;
    mseg_node *current;                                       /* the node whose output comes next */
    const mseg_node *low_level;                               /* the network's, NULL: not found */
    int strides[MSEG_MATCH_BLOCKS], rates[MSEG_MATCH_BLOCKS]; /* of the blocks so far */
    bool same, symmetric;                                     /* every padding so far is that of SAME; is equal on both sides */
    bool given;                                               /* one of a convolution with a stride was given as numbers */
    int taken;                                                /* convolutions so far */
    const mseg_node *resize;                                  /* that told the sampling; NULL: none so far */
} mseg_matcher;

/* What a convolution must be. rate 0: any. */
typedef struct mseg_expected {
    mseg_node_kind kind;
    int kernel;
    mseg_activation activation;
    int rate;
    bool may_stride;
} mseg_expected;

/** "not NETWORK with a known head: at LAYER: NODE and what is wrong with it". */
__attribute__((format(printf, 4, 5))) mseg_status mseg_match_fail(const mseg_matcher *m, const mseg_node *node, const char *layer,
                                                                  const char *format, ...);

/** The first node of that kind (MSEG_ANY_NODE: of any), not taken yet, that reads from node; NULL when there is none. */
enum { MSEG_ANY_NODE = -1 };
mseg_node *mseg_match_user(const mseg_matcher *m, const mseg_node *node, int kind);

/** What node reads first; NULL: nothing. */
mseg_node *mseg_match_source(const mseg_matcher *m, const mseg_node *node);

/** Whether the node's output has that activation; also without saying so, when its format ends where the activation would. */
bool mseg_match_activation(const mseg_node *node, mseg_activation activation);

/** Checks a convolution, adds its tensors under that name and takes it. Errors: MSEG_UNSUPPORTED, those of mseg_weights_add. */
mseg_status mseg_match_take(mseg_matcher *m, mseg_node *node, const char *layer, const mseg_expected *want);

/** Takes a node that is no convolution as that layer, or as a part of one that has no name (""). */
void mseg_match_claim(mseg_node *node, const char *layer);

/** Fills the quants of weights, and integers or no_integers, from the nodes of a match that ends with the scores at the current
 * one. Errors: MSEG_NOMEM. */
mseg_status mseg_match_quants(mseg_matcher *m);

/** Takes the convolution that reads from the current node and makes it current. */
mseg_status mseg_match_step(mseg_matcher *m, const char *layer, const mseg_expected *want);

/** Takes a resize by whose rule scores and picture lie on each other. Errors: MSEG_UNSUPPORTED when it is not that of an earlier
 * one. */
mseg_status mseg_match_resize(mseg_matcher *m, mseg_node *resize, const char *layer);

/** Whether a convolution or max pool has stride, rate and padding as wanted; notes its padding. Errors: MSEG_UNSUPPORTED. */
mseg_status mseg_match_geometry(mseg_matcher *m, const mseg_node *node, const char *layer, const mseg_expected *want);

/** Sets the file's output stride, which the first of the strides and rates so far tells that is not as its network has it
 * (strides[count], behind a stride of before), and checks that the others follow from it. Errors: MSEG_UNSUPPORTED, with
 * "backbone.KINDi.PART" in the text. */
mseg_status mseg_match_output_stride(mseg_matcher *m, const int *strides, int count, int before, const char *kind,
                                     const char *part);

/** Stem, blocks and, where a classifier has it, the last convolution. */
mseg_status mseg_match_backbone(mseg_matcher *m);

/** That of a ResNet: stem, max pool and units, as many as there are, without a classifier that hangs on one of them. */
mseg_status mseg_match_resnet(mseg_matcher *m);

/** A classifier's head, DeepLabv3's, or that with DeepLabv3+'s decoder. */
mseg_status mseg_match_head(mseg_matcher *m);

#endif
