/* A clock that is too fast: LD_PRELOAD=drift.so CLOCK_BASE_NS=... CLOCK_PPM=...
 * CLOCK_MONOTONIC and its like show base + (true - base) * (1 + ppm/1e6). A process that sleeps sleeps by the true clock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

typedef int (*gettime)(clockid_t, struct timespec *);

static gettime real;
static long long base_ns;
static double ppm;

__attribute__((constructor)) static void begin(void) {
  const char *base = getenv("CLOCK_BASE_NS"), *rate = getenv("CLOCK_PPM");
  base_ns = base ? atoll(base) : 0;
  ppm = rate ? atof(rate) : 0;
  real = (gettime)dlsym(RTLD_NEXT, "clock_gettime");
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  if (!real) real = (gettime)dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, time);
  if (result != 0 || base_ns == 0) return result;
  if (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_RAW && clock != CLOCK_MONOTONIC_COARSE && clock != CLOCK_BOOTTIME)
    return result;
  long long ns = time->tv_sec * 1000000000LL + time->tv_nsec;
  ns += (long long)((double)(ns - base_ns) * ppm / 1e6);
  time->tv_sec = ns / 1000000000LL;
  time->tv_nsec = ns % 1000000000LL;
  return 0;
}
