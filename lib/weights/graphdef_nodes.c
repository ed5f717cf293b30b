#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "weights/graphdef.h"

/* Numbers of fields: tensorflow/core/framework/graph.proto and node_def.proto. */
enum { GRAPH_NODE = 1, NODE_NAME = 1, NODE_OP = 2, NODE_INPUT = 3 };
enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 }; /* wire types */

/* ---- messages ----------------------------------------------------------------------------------------------------------- */

static bool take_varint(gd_text *m, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && m->size; shift += 7) {
        const uint8_t byte = *m->data++;
        m->size--;
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

/* The next field of a message that has more bytes, its content when it has one; false: damaged. */
static bool take_field(gd_text *m, uint64_t *number, gd_text *content)
{
    uint64_t key, size = 0;
    if (!take_varint(m, &key))
        return false;
    const int wire = (int)(key & 7);
    *number = key >> 3;
    *content = (gd_text){0};
    if (wire == VARINT)
        return take_varint(m, &size);
    if (wire != BYTES)
        size = wire == FIXED64 ? 8 : 4;
    else if (!take_varint(m, &size))
        return false;
    if (!*number || size > m->size || (wire != BYTES && wire != FIXED64 && wire != FIXED32))
        return false;
    if (wire == BYTES)
        *content = (gd_text){m->data, (size_t)size};
    m->data += size;
    m->size -= (size_t)size;
    return true;
}

/* ---- names -------------------------------------------------------------------------------------------------------------- */

bool mseg_gd_text_is(gd_text text, const char *string)
{
    return strlen(string) == text.size && memcmp(text.data, string, text.size) == 0;
}

/* The text, without its beginning when it is longer than room allows, printable. */
static void print_text(char *out, size_t room, gd_text text)
{
    const bool cut = text.size > room;
    size_t at = 0;
    for (size_t i = cut ? text.size - room + 3 : 0; i < text.size; i++, at++)
        out[cut ? at + 3 : at] = (char)(text.data[i] >= ' ' && text.data[i] <= '~' ? text.data[i] : '?');
    if (cut)
        memcpy(out, "...", 3);
    out[cut ? at + 3 : at] = '\0';
}

void mseg_gd_describe(char *text, size_t size, const gd_node *node)
{
    char op[25], name[GD_NODE_TEXT];
    print_text(op, sizeof op - 1, node->op);
    const size_t rest = size - sizeof "node  ()" - strlen(op);
    print_text(name, rest, node->name);
    snprintf(text, size, "node %s (%s)", name, op);
}

mseg_status mseg_gd_fail(const gd_reader *r, const gd_node *node, mseg_status status, const char *format, ...)
{
    char found[160], name[GD_NODE_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(found, sizeof found, format, args);
    va_end(args);
    mseg_gd_describe(name, 96, node);
    const bool damaged = status == MSEG_FORMAT;
    const char *give = damaged ? "; get it again" : strchr(found, ';') ? "" : "; mseg reads MobileNet classifiers and DeepLabv3";
    return mseg_fail(r->err, status, "%s%s %s%s", damaged ? "damaged TensorFlow GraphDef: " : "", name, found, give);
}

static int compare_texts(gd_text a, gd_text b)
{
    const int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

typedef struct named {
    gd_text name;
    int node;
} named;

static int compare_named(const void *a, const void *b)
{
    return compare_texts(((const named *)a)->name, ((const named *)b)->name);
}

/* All nodes by name. NULL: no memory, or two are called the same. */
static named *sort_names(const gd_reader *r, mseg_status *status)
{
    named *names = mseg_alloc_array((size_t)r->n_nodes, sizeof *names);
    if (!names) {
        *status = mseg_fail(r->err, MSEG_NOMEM, NULL);
        return NULL;
    }
    for (int i = 0; i < r->n_nodes; i++)
        names[i] = (named){r->nodes[i].name, i};
    qsort(names, (size_t)r->n_nodes, sizeof *names, compare_named);
    for (int i = 1; i < r->n_nodes && !*status; i++)
        if (compare_named(&names[i - 1], &names[i]) == 0)
            *status = mseg_gd_fail(r, &r->nodes[names[i].node], MSEG_FORMAT, "is there twice");
    if (*status)
        mseg_free(&names);
    return names;
}

/* ---- the list of nodes -------------------------------------------------------------------------------------------------- */

static bool is_control(gd_text input)
{
    return input.size && input.data[0] == '^';
}

static bool read_node(gd_node *node)
{
    gd_text rest = node->text, content;
    uint64_t number;
    node->value.kind = GD_NOTHING;
    while (rest.size) {
        if (!take_field(&rest, &number, &content))
            return false;
        if (number == NODE_NAME && content.data)
            node->name = content;
        else if (number == NODE_OP && content.data)
            node->op = content;
        else if (number == NODE_INPUT && content.data)
            node->n_inputs += is_control(content) ? 0 : 1;
    }
    return node->name.size && node->op.size;
}

static mseg_status read_nodes(gd_reader *r)
{
    gd_text rest = {r->weights->data, r->weights->size}, content;
    uint64_t number;
    int room = 0;
    while (rest.size) {
        const size_t at = r->weights->size - rest.size;
        if (!take_field(&rest, &number, &content))
            return mseg_fail(r->err, MSEG_FORMAT, "damaged TensorFlow GraphDef: no field at byte %zu of %zu; get it again", at,
                             r->weights->size);
        if (number != GRAPH_NODE)
            continue;
        if (r->n_nodes == GD_MAX_NODES)
            return mseg_fail(r->err, MSEG_LIMIT, "more than %d nodes, more than any network that mseg knows; is it frozen?",
                             GD_MAX_NODES);
        if (!mseg_grow(&r->nodes, &room, r->n_nodes + 1, sizeof *r->nodes))
            return mseg_fail(r->err, MSEG_NOMEM, NULL);
        gd_node *node = &r->nodes[r->n_nodes++];
        *node = (gd_node){.text = content};
        if (!content.data || !read_node(node))
            return mseg_fail(r->err, MSEG_FORMAT, "damaged TensorFlow GraphDef: no node at byte %zu of %zu; get it again", at,
                             r->weights->size);
    }
    return MSEG_OK;
}

/* "name" or "name:output". */
static bool find_input(const gd_reader *r, const named *names, gd_text input, gd_edge *edge)
{
    size_t end = input.size;
    int output = 0;
    while (end && isdigit(input.data[end - 1]))
        end--;
    if (end && end < input.size && input.size - end < 6 && input.data[end - 1] == ':') {
        for (size_t i = end; i < input.size; i++)
            output = output * 10 + (input.data[i] - '0');
        input.size = end - 1;
    }
    const named key = {.name = input};
    const named *found = bsearch(&key, names, (size_t)r->n_nodes, sizeof *names, compare_named);
    if (found)
        *edge = (gd_edge){found->node, output};
    return found;
}

static mseg_status link_node(gd_reader *r, const named *names, gd_node *node, int *at)
{
    gd_text rest = node->text, content;
    uint64_t number;
    node->first = *at;
    while (rest.size && take_field(&rest, &number, &content)) {
        if (number != NODE_INPUT || !content.data || is_control(content))
            continue;
        gd_edge *edge = &r->edges[(*at)++];
        char name[64];
        print_text(name, sizeof name - 1, content);
        if (!find_input(r, names, content, edge))
            return mseg_gd_fail(r, node, MSEG_FORMAT, "reads %s, which is not in the file", name);
        r->nodes[edge->node].read = true;
    }
    return MSEG_OK;
}

static mseg_status link_nodes(gd_reader *r)
{
    mseg_status status = MSEG_OK;
    size_t edges = 0;
    int at = 0;
    for (int i = 0; i < r->n_nodes; i++)
        edges += (size_t)r->nodes[i].n_inputs;
    r->edges = mseg_alloc_array(edges, sizeof *r->edges);
    r->order = mseg_alloc_array((size_t)r->n_nodes, sizeof *r->order);
    if (!r->edges || !r->order)
        return mseg_fail(r->err, MSEG_NOMEM, NULL);
    named *names = sort_names(r, &status);
    for (int i = 0; i < r->n_nodes && !status; i++)
        status = link_node(r, names, &r->nodes[i], &at);
    mseg_free(&names);
    return status;
}

/* ---- order -------------------------------------------------------------------------------------------------------------- */

typedef struct step {
    int node, next; /* its edge that comes next */
} step;

enum { OPEN = 1, DONE = 2 };

/* The node and all that it needs, each behind its inputs. stack: room for all nodes. */
static mseg_status put_in_order(gd_reader *r, int start, step *stack)
{
    int depth = 0;
    stack[0] = (step){start, 0};
    r->nodes[start].mark = OPEN;
    while (depth >= 0) {
        step *now = &stack[depth];
        gd_node *node = &r->nodes[now->node];
        if (now->next == node->n_inputs) {
            node->mark = DONE;
            r->order[r->n_order++] = now->node;
            depth--;
            continue;
        }
        const int input = r->edges[node->first + now->next++].node;
        if (r->nodes[input].mark == OPEN)
            return mseg_gd_fail(r, &r->nodes[input], MSEG_FORMAT, "depends on itself");
        if (r->nodes[input].mark == DONE)
            continue;
        r->nodes[input].mark = OPEN;
        stack[++depth] = (step){input, 0};
    }
    return MSEG_OK;
}

/* What gives a network's results: whatever nobody reads, but not what only checks or holds something. */
static bool is_output(const gd_node *node)
{
    static const char *const silent[] = {"Const", "NoOp", "Assert", "Placeholder", "PlaceholderWithDefault", "VariableV2"};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        if (mseg_gd_text_is(node->op, silent[i]))
            return false;
    return !node->read;
}

/* Operators that no network of ours has, and the beginnings of their names. */
static const struct {
    const char *op, *what;
} telling[] = {
    {"NonMaxSuppression", "a detector (%s); mseg reads MobileNet classifiers and DeepLabv3"},
    {"CombinedNonMaxSuppression", "a detector (%s); mseg reads MobileNet classifiers and DeepLabv3"},
    {"Variable", "not frozen: %s has its values in a checkpoint; freeze the graph"},
    {"VarHandleOp", "not frozen: %s has its values in a checkpoint; freeze the graph"},
    {"NextIteration", "a network with loops (%s); mseg reads MobileNet classifiers and DeepLabv3"},
    {"While", "a network with loops (%s); mseg reads MobileNet classifiers and DeepLabv3"},
    {"StatelessWhile", "a network with loops (%s); mseg reads MobileNet classifiers and DeepLabv3"},
    {"PartitionedCall", "a network of functions (%s); inline them when it is frozen"},
    {"StatefulPartitionedCall", "a network of functions (%s); inline them when it is frozen"},
};

/* Of the nodes on the way to outputs. MSEG_OK: nothing tells. */
static mseg_status tell_kind(const gd_reader *r)
{
    for (size_t row = 0; row < sizeof telling / sizeof *telling; row++) {
        const size_t length = strlen(telling[row].op);
        for (int i = 0; i < r->n_nodes; i++) {
            const gd_node *node = &r->nodes[i];
            char name[96], text[256];
            if (!node->mark || node->op.size < length || memcmp(node->op.data, telling[row].op, length) != 0)
                continue;
            mseg_gd_describe(name, sizeof name, node);
            const char *place = strstr(telling[row].what, "%s");
            snprintf(text, sizeof text, "%.*s%s%s", (int)(place - telling[row].what), telling[row].what, name, place + 2);
            return mseg_fail(r->err, MSEG_UNSUPPORTED, "%s", text);
        }
    }
    return MSEG_OK;
}

mseg_status mseg_gd_find_nodes(gd_reader *r)
{
    mseg_status status = read_nodes(r), kind;
    if (!status)
        status = link_nodes(r);
    if (status)
        return status;
    step *stack = mseg_alloc_array((size_t)r->n_nodes + 1, sizeof *stack);
    if (!stack)
        return mseg_fail(r->err, MSEG_NOMEM, NULL);
    for (int i = 0; i < r->n_nodes && !status; i++)
        if (is_output(&r->nodes[i]))
            status = put_in_order(r, i, stack);
    mseg_free(&stack);
    if (!status && !r->n_order)
        status = mseg_fail(r->err, MSEG_FORMAT, "damaged TensorFlow GraphDef: no node gives out anything; get it again");
    kind = status == MSEG_NOMEM ? MSEG_OK : tell_kind(r);
    return kind ? kind : status;
}
