#ifndef MSEG_BASE_PROCESSORS_H
#define MSEG_BASE_PROCESSORS_H

/** How many processors the CPU quotas of this process's control groups (cgroup v2 and v1, its own and all around it) let it keep
 * busy: the least quota / period, rounded up, at least 1; 0: no quota. What cannot be read limits nothing. root: stands in front
 * of all paths; "" for the system's own. */
int mseg_cpu_quota(const char *root);

/** Processors that this process may use: those that it may be scheduled on, but no more than mseg_cpu_quota(root). At least 1. */
int mseg_processors(const char *root);

#endif
