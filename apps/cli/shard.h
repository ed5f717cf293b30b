#ifndef CLI_SHARD_H
#define CLI_SHARD_H

#include <stdbool.h>
#include <stdint.h>

/* Part index (from 1) of count: input number k (from 1) belongs to it when k = index modulo count. */
typedef struct cli_shard {
    int index, count;
} cli_shard;

/** Parses "I/N", 1 <= I <= N. */
bool cli_shard_parse(cli_shard *shard, const char *text);

/** Whether the k-th input (from 0) belongs to the shard. */
bool cli_shard_has(cli_shard shard, uint64_t k);

#endif
