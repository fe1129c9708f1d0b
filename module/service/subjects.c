/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map and a list in order of last use, under one lock, as keyring.c has them. `epoch` grows
 * whenever everything is forgotten: what was read from the store before that moment is neither kept
 * nor handed out, since it may have been put together from rows of different times.
 */
#include "service/subjects.h"

#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/metric.h"
#include "service/subject_snapshot.h"

#define LOAD_ATTEMPTS 4
#define SUBJECTS_DEFAULT 1024

struct subjects {
	struct subjects_options options;
	pthread_mutex_t lock;
	struct map snapshots;
	struct subject_snapshot *newest, *oldest;
	uint64_t epoch;
};

/* One caller's hold on a snapshot, with the principal that it itself is: many sessions share one.
 */
struct subject {
	struct subjects *subjects;
	struct subject_snapshot
		*snapshot; /* NULL: the operator, of whom no account says anything */
	struct auth_principal principal;
	struct auth_subject said;
};

static struct view name_of(const struct subject_snapshot *snapshot)
{
	return view_of(snapshot->name, snapshot->name_len);
}

/* Under the lock from here on, unless said otherwise. */

static void unlink_snapshot(struct subjects *subjects, struct subject_snapshot *snapshot)
{
	*(snapshot->newer != NULL ? &snapshot->newer->older : &subjects->newest) = snapshot->older;
	*(snapshot->older != NULL ? &snapshot->older->newer : &subjects->oldest) = snapshot->newer;
	snapshot->newer = snapshot->older = NULL;
}

static void link_newest(struct subjects *subjects, struct subject_snapshot *snapshot)
{
	snapshot->newer = NULL;
	snapshot->older = subjects->newest;
	*(subjects->newest != NULL ? &subjects->newest->newer : &subjects->oldest) = snapshot;
	subjects->newest = snapshot;
}

static void forget(struct subjects *subjects, struct subject_snapshot *snapshot)
{
	(void)map_remove(&subjects->snapshots, name_of(snapshot));
	unlink_snapshot(subjects, snapshot);
	if (--snapshot->references == 0)
		subject_snapshot_free(&snapshot);
}

static struct subject_snapshot *take(struct subjects *subjects, struct view name)
{
	LOCK_SCOPE(&subjects->lock);
	struct subject_snapshot *snapshot = map_get(&subjects->snapshots, name);
	if (snapshot == NULL)
		return NULL;
	unlink_snapshot(subjects, snapshot);
	link_newest(subjects, snapshot);
	snapshot->references++;
	return snapshot;
}

static uint64_t epoch_of(struct subjects *subjects)
{
	LOCK_SCOPE(&subjects->lock);
	return subjects->epoch;
}

/* Not under the lock. true: kept, or kept by somebody else meanwhile; false: it may be old. */
static bool keep(struct subjects *subjects, struct subject_snapshot *snapshot, uint64_t epoch)
{
	LOCK_SCOPE(&subjects->lock);
	if (subjects->epoch != epoch)
		return false;
	if (map_get(&subjects->snapshots, name_of(snapshot)) != NULL)
		return true;
	void *old = NULL;
	if (err_failed(map_put(&subjects->snapshots, name_of(snapshot), snapshot, &old)))
		return true;
	snapshot->references++;
	link_newest(subjects, snapshot);
	if (subjects->snapshots.count > subjects->options.subjects_max)
		forget(subjects, subjects->oldest);
	return true;
}

/* Not under the lock from here on. */

static void let_go(struct subjects *subjects, struct subject_snapshot **snapshot)
{
	if (*snapshot == NULL)
		return;
	pthread_mutex_lock(&subjects->lock);
	bool last = --(*snapshot)->references == 0;
	pthread_mutex_unlock(&subjects->lock);
	if (last)
		subject_snapshot_free(snapshot);
	*snapshot = NULL;
}

static struct err load(struct subjects *subjects, const struct auth_principal *principal,
		       struct view session_policy, struct subject_snapshot **out)
{
	for (unsigned attempt = 0; attempt < LOAD_ATTEMPTS; attempt++) {
		uint64_t epoch = epoch_of(subjects);
		TRY(subject_snapshot_load(&subjects->options, principal, session_policy, out));
		(*out)->references = 1;
		if (keep(subjects, *out, epoch))
			return OK;
		let_go(subjects, out);
	}
	return ERR(E_BUSY);
}

static struct err find(struct subject *subject, struct view session_policy, bool may_block)
{
	uint8_t name[SUBJECT_NAME_MAX];
	size_t len = 0;
	TRY(subject_snapshot_name(&subject->principal, session_policy, name, &len));
	subject->snapshot = take(subject->subjects, view_of(name, len));
	bool there = subject->snapshot != NULL;
	/* A miss that may not block comes again, on a thread where it may. */
	if (there || may_block)
		metric_add(METRIC_SUBJECT_LOOKUPS, there ? METRIC_LOOKUP_HIT : METRIC_LOOKUP_MISS,
			   0, 1);
	REQUIRE(there || may_block, E_WOULD_BLOCK);
	if (!there)
		TRY(load(subject->subjects, &subject->principal, session_policy,
			 &subject->snapshot));
	return subject->snapshot->failure;
}

NODISCARD struct err subjects_acquire(struct subjects *subjects,
				      const struct auth_principal *principal,
				      struct view session_policy, bool may_block,
				      struct subject **out)
{
	CLEANUP(subject_release) struct subject *subject = NULL;
	TRY(MEM_NEW(&subject));
	subject->subjects = subjects;
	subject->principal = *principal;
	subject->said.principal = &subject->principal;
	if (principal->type != AUTH_OPERATOR) {
		TRY(find(subject, session_policy, may_block));
		subject->said.policies = subject->snapshot->policies;
		subject->said.policy_count = subject->snapshot->policy_count;
		subject->said.boundary = subject->snapshot->boundary;
		subject->said.session = subject->snapshot->session;
	}
	*out = TAKE(subject);
	return OK;
}

void subject_release(struct subject **subject)
{
	if (*subject == NULL)
		return;
	let_go((*subject)->subjects, &(*subject)->snapshot);
	mem_free(TAKE(*subject));
}

const struct auth_subject *subject_of(const struct subject *subject)
{
	return &subject->said;
}

struct auth_pairs subject_tags(const struct subject *subject)
{
	if (subject->snapshot == NULL)
		return (struct auth_pairs){0};
	return (struct auth_pairs){.pairs = subject->snapshot->pairs,
				   .count = subject->snapshot->tag_count};
}

void subjects_drop_all(struct subjects *subjects)
{
	LOCK_SCOPE(&subjects->lock);
	subjects->epoch++;
	while (subjects->oldest != NULL)
		forget(subjects, subjects->oldest);
}

size_t subjects_count(struct subjects *subjects)
{
	LOCK_SCOPE(&subjects->lock);
	return subjects->snapshots.count;
}

NODISCARD struct err subjects_find(struct subjects *subjects, struct view name,
				   struct auth_principal *out)
{
	return subject_name_find(&subjects->options, name, out);
}

NODISCARD struct err subjects_new(const struct subjects_options *options, struct subjects **out)
{
	CLEANUP(subjects_free) struct subjects *subjects = NULL;
	TRY(MEM_NEW(&subjects));
	subjects->options = *options;
	if (subjects->options.subjects_max == 0)
		subjects->options.subjects_max = SUBJECTS_DEFAULT;
	(void)pthread_mutex_init(&subjects->lock, NULL);
	TRY(map_init(&subjects->snapshots));
	*out = TAKE(subjects);
	return OK;
}

void subjects_free(struct subjects **subjects)
{
	if (*subjects == NULL)
		return;
	subjects_drop_all(*subjects);
	map_cleanup(&(*subjects)->snapshots);
	(void)pthread_mutex_destroy(&(*subjects)->lock);
	mem_free(TAKE(*subjects));
}
