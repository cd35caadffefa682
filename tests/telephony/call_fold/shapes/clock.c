/* A clock that is CLOCK_AHEAD_S seconds ahead, for one process (LD_PRELOAD). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long ahead(void)
{
	static long seconds;
	static int known;
	if (!known) {
		const char *text = getenv("CLOCK_AHEAD_S");
		seconds = text ? atol(text) : 0;
		known = 1;
	}
	return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	static int (*real)(clockid_t, struct timespec *);
	if (!real)
		real = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
	int failed = real(clock, now);
	if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += ahead();
	return failed;
}

int gettimeofday(struct timeval *now, void *zone)
{
	struct timespec it;
	(void) zone;
	clock_gettime(CLOCK_REALTIME, &it);
	now->tv_sec = it.tv_sec;
	now->tv_usec = it.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *now)
{
	struct timespec it;
	clock_gettime(CLOCK_REALTIME, &it);
	if (now)
		*now = it.tv_sec;
	return it.tv_sec;
}

/* who waits until a time of this clock waits in the kernel until one of the real clock */
int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
	static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
	if (!real)
		real = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))
			dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
	struct timespec there = *until;
	if (there.tv_sec > ahead())
		there.tv_sec -= ahead();
	return real(cond, mutex, &there);
}

int sem_timedwait(sem_t *sem, const struct timespec *until)
{
	static int (*real)(sem_t *, const struct timespec *);
	if (!real)
		real = (int (*)(sem_t *, const struct timespec *)) dlsym(RTLD_NEXT, "sem_timedwait");
	struct timespec there = *until;
	if (there.tv_sec > ahead())
		there.tv_sec -= ahead();
	return real(sem, &there);
}
