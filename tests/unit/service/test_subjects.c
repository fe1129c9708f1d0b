/* SPDX-License-Identifier: Apache-2.0 */
/* Callers in memory, with what their account says of them; over a real store. */
#include "people.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "service/subjects.h"

#define SUBJECTS_MAX 4
#define ARN PEOPLE_ARN
#define ALLOW PEOPLE_ALLOW
#define ADMINISTRATOR PEOPLE_ADMINISTRATOR
#define OTHER "444455556666"

static struct world world;

/* Between the subjects under test and the store. */
static struct {
	struct auth_identities real, watched;
	struct subjects *subjects;
	atomic_uint loads;       /* by id: one of each snapshot */
	unsigned races;          /* how often still something changes while it is read */
	void (*meanwhile)(void); /* what, with commit and drop */
	struct err failure;      /* of every load by name */
} port;

#define make(...) people_make(&port.real, __VA_ARGS__)
#define change(...) people_change(&port.real, __VA_ARGS__)

static struct err load_by_id(UNUSED void *self, struct view id, struct auth_identity *out)
{
	atomic_fetch_add(&port.loads, 1);
	TRY(port.real.load_by_id(port.real.self, id, out));
	if (port.races == 0)
		return OK;
	port.races--;
	if (port.meanwhile != NULL)
		port.meanwhile();
	subjects_drop_all(port.subjects);
	return OK;
}

static struct err load(UNUSED void *self, enum auth_identity_kind kind, struct view account,
		       struct view name, struct auth_identity *out)
{
	TRY(port.failure);
	return port.real.load(port.real.self, kind, account, name, out);
}

/* *out subject_release(). */
static struct err acquire(const char *user, const char *session_policy, struct subject **out)
{
	struct auth_principal principal = people_principal(AUTH_USER, user);
	return subjects_acquire(port.subjects, &principal, view_of_text(session_policy), true, out);
}

/* Whether the policy allows the action. */
static bool allows(const struct auth_policy *policy, const char *action)
{
	static const struct auth_context context;
	const struct auth_principal nobody = {.type = AUTH_USER};
	const struct auth_question question = {.principal = &nobody,
					       .action = view_of_text(action),
					       .resource = VIEW_LITERAL("*"),
					       .context = &context};
	struct auth_answer answer;
	auth_policy_ask(policy, &question, &answer);
	return answer.allowed[AUTH_NAMED_ITSELF];
}

static const struct auth_policy *policy_of(const struct subject *subject, const char *name)
{
	const struct auth_subject *said = subject_of(subject);
	for (size_t i = 0; i < said->policy_count; i++)
		if (text_equal(said->policies[i].name, name))
			return said->policies[i].policy;
	fail_msg("there is no policy %s", name);
	return NULL;
}

/* --- what is in a snapshot --- */

static void test_a_user_has_its_own_policies_and_those_of_its_groups(void **state)
{
	CLEANUP(subject_release) struct subject *alice = NULL;
	(void)state;
	make(AUTH_KIND_POLICY, "Auditors", DOCUMENT(ALLOW("kms:List*")));
	make(AUTH_KIND_GROUP, "Ops", INLINE("Deny", ALLOW("kms:Decrypt")), ATTACHED(ADMINISTRATOR));
	make(AUTH_KIND_USER, "alice", INLINE("ReadKeys", ALLOW("kms:Get*")),
	     ATTACHED(ARN("policy/Auditors")), GROUP("Ops"));
	assert_ok(acquire("alice", "", &alice));
	const struct auth_subject *said = subject_of(alice);
	assert_int_equal(said->policy_count, 4);
	assert_true(allows(policy_of(alice, "user/alice/ReadKeys"), "kms:GetKeyPolicy"));
	assert_false(allows(policy_of(alice, "user/alice/ReadKeys"), "kms:Decrypt"));
	assert_true(allows(policy_of(alice, "policy/Auditors"), "kms:ListKeys"));
	assert_true(allows(policy_of(alice, "group/Ops/Deny"), "kms:Decrypt"));
	assert_true(allows(policy_of(alice, "aws:policy/AdministratorAccess"), "s3:Anything"));
	assert_null(said->boundary.policy);
	assert_null(said->session.policy);
}

static void test_a_policy_attached_twice_is_there_once(void **state)
{
	CLEANUP(subject_release) struct subject *alice = NULL;
	(void)state;
	make(AUTH_KIND_GROUP, "Ops", ATTACHED(ADMINISTRATOR));
	make(AUTH_KIND_USER, "alice", ATTACHED(ADMINISTRATOR), GROUP("Ops"));
	assert_ok(acquire("alice", "", &alice));
	assert_int_equal(subject_of(alice)->policy_count, 1);
}

static void test_boundaries_and_session_policies_stand_apart(void **state)
{
	CLEANUP(subject_release) struct subject *alice = NULL;
	(void)state;
	make(AUTH_KIND_POLICY, "Edge", DOCUMENT(ALLOW("kms:Encrypt")));
	make(AUTH_KIND_USER, "alice", .boundary = (char[]){ARN("policy/Edge")});
	assert_ok(acquire("alice", ALLOW("kms:Sign"), &alice));
	const struct auth_subject *said = subject_of(alice);
	assert_int_equal(said->policy_count, 0);
	assert_string_equal(said->boundary.name, "policy/Edge");
	assert_true(allows(said->boundary.policy, "kms:Encrypt"));
	assert_false(allows(said->boundary.policy, "kms:Sign"));
	assert_string_equal(said->session.name, "policy");
	assert_true(allows(said->session.policy, "kms:Sign"));
}

static void test_tags_are_the_identitys(void **state)
{
	CLEANUP(subject_release) struct subject *alice = NULL;
	struct auth_named_text tags[] = {{(char[]){"Cost"}, (char[]){"42"}},
					 {(char[]){"Team"}, (char[]){""}}};
	(void)state;
	make(AUTH_KIND_USER, "alice", .tags = tags, .tag_count = 2);
	assert_ok(acquire("alice", "", &alice));
	struct auth_pairs found = subject_tags(alice);
	assert_int_equal(found.count, 2);
	assert_true(view_equal_text(found.pairs[0].name, "Cost"));
	assert_true(view_equal_text(found.pairs[0].value, "42"));
	assert_true(view_equal_text(found.pairs[1].name, "Team"));
	assert_int_equal(found.pairs[1].value.len, 0);
}

static void test_root_and_services_have_no_policies(void **state)
{
	CLEANUP(subject_release) struct subject *root = NULL;
	CLEANUP(subject_release) struct subject *service = NULL;
	struct auth_principal principal = people_principal(AUTH_ROOT, WORLD_ACCOUNT);
	(void)state;
	change(AUTH_KIND_ACCOUNT, WORLD_ACCOUNT, ATTACHED(ADMINISTRATOR));
	make(AUTH_KIND_SERVICE, "s3.amazonaws.com", ATTACHED(ADMINISTRATOR));
	assert_ok(subjects_acquire(port.subjects, &principal, VIEW_NONE, true, &root));
	assert_int_equal(subject_of(root)->policy_count, 0);
	principal = people_principal(AUTH_SERVICE, "s3.amazonaws.com");
	assert_ok(subjects_acquire(port.subjects, &principal, VIEW_NONE, true, &service));
	assert_int_equal(subject_of(service)->policy_count, 0);
}

static void test_of_the_operator_nothing_is_read(void **state)
{
	CLEANUP(subject_release) struct subject *subject = NULL;
	const struct auth_principal operator= {.type = AUTH_OPERATOR, .id = "uid:0"};
	(void)state;
	assert_ok(subjects_acquire(port.subjects, &operator, VIEW_NONE, false, &subject));
	assert_int_equal(subject_of(subject)->policy_count, 0);
	assert_string_equal(subject_of(subject)->principal->id, "uid:0");
	assert_int_equal(subject_tags(subject).count, 0);
	assert_int_equal(subjects_count(port.subjects), 0);
}

/* --- what is not there --- */

static void test_who_is_gone_is_unknown(void **state)
{
	CLEANUP(subject_release) struct subject *alice = NULL;
	(void)state;
	make(AUTH_KIND_USER, "alice", NOTHING);
	assert_ok(acquire("alice", "", &alice));
	subject_release(&alice);
	people_delete(&port.real, AUTH_KIND_USER, "alice");
	subjects_drop_all(port.subjects);
	assert_err(acquire("alice", "", &alice), E_AUTH_UNKNOWN_KEY);
	assert_null(alice);
	assert_int_equal(subjects_count(port.subjects), 0);
}

static void test_the_id_of_another_kind_or_account_is_nobodys(void **state)
{
	CLEANUP(subject_release) struct subject *subject = NULL;
	(void)state;
	make(AUTH_KIND_USER, "alice", NOTHING);
	struct auth_principal principal = people_principal(AUTH_USER, "alice");
	principal.type = AUTH_SERVICE;
	assert_err(subjects_acquire(port.subjects, &principal, VIEW_NONE, true, &subject),
		   E_AUTH_UNKNOWN_KEY);
	principal = people_principal(AUTH_USER, "alice");
	assert_ok(text_copy(principal.account, sizeof principal.account, VIEW_LITERAL(OTHER)));
	assert_err(subjects_acquire(port.subjects, &principal, VIEW_NONE, true, &subject),
		   E_AUTH_UNKNOWN_KEY);
}

/* Each user may nothing at all, whatever else it has. */
static void assert_closed(const char *user, const char *session_policy)
{
	CLEANUP(subject_release) struct subject *subject = NULL;
	assert_err(acquire(user, session_policy, &subject), E_KMS_MALFORMED_POLICY);
	assert_null(subject);
}

static void test_what_is_missing_closes(void **state)
{
	(void)state;
	make(AUTH_KIND_USER, "group", ATTACHED(ADMINISTRATOR), GROUP("Gone"));
	make(AUTH_KIND_USER, "attached", ATTACHED(ARN("policy/Gone")));
	make(AUTH_KIND_USER, "builtin", ATTACHED("arn:aws:iam::aws:policy/Gone"));
	make(AUTH_KIND_USER, "boundary", ATTACHED(ADMINISTRATOR),
	     .boundary = (char[]){ARN("policy/Gone")});
	make(AUTH_KIND_USER, "text", ATTACHED("AdministratorAccess"));
	assert_closed("group", "");
	assert_closed("attached", "");
	assert_closed("builtin", "");
	assert_closed("boundary", "");
	assert_closed("text", "");
}

static void test_policies_of_other_accounts_and_partitions_close(void **state)
{
	(void)state;
	people_make_in(&port.real, OTHER, AUTH_KIND_POLICY, "Read",
		       &(const struct auth_details){DOCUMENT(ALLOW("*"))});
	make(AUTH_KIND_POLICY, "Own", DOCUMENT(ALLOW("*")));
	make(AUTH_KIND_USER, "account", ATTACHED("arn:aws:iam::" OTHER ":policy/Read"));
	make(AUTH_KIND_USER, "partition", ATTACHED("arn:aws-cn:iam::" WORLD_ACCOUNT ":policy/Own"));
	make(AUTH_KIND_USER, "builtin", ATTACHED("arn:aws-cn:iam::aws:policy/AdministratorAccess"));
	assert_closed("account", "");
	assert_closed("partition", "");
	assert_closed("builtin", "");
}

static void test_what_does_not_compile_closes(void **state)
{
	(void)state;
	make(AUTH_KIND_POLICY, "Bad", DOCUMENT("{}"));
	make(AUTH_KIND_POLICY, "Empty", NOTHING);
	make(AUTH_KIND_GROUP, "Bad", INLINE("Broken", "{\"Version\":\"2012-10-17\"}"));
	make(AUTH_KIND_USER, "inline", ATTACHED(ADMINISTRATOR), INLINE("Broken", "{"));
	make(AUTH_KIND_USER, "attached", ATTACHED(ARN("policy/Bad")));
	make(AUTH_KIND_USER, "empty", ATTACHED(ARN("policy/Empty")));
	make(AUTH_KIND_USER, "group", GROUP("Bad"));
	make(AUTH_KIND_USER, "session", ATTACHED(ADMINISTRATOR));
	assert_closed("inline", "");
	assert_closed("attached", "");
	assert_closed("empty", "");
	assert_closed("group", "");
	assert_closed("session", "{\"Version\":\"2012-10-17\"}");
}

/* The lines that the log took while `fd` was its file. */
static void read_log(int fd, char out[4096])
{
	ssize_t n = pread(fd, out, 4095, 0);
	assert_true(n >= 0);
	out[n] = '\0';
}

static void test_the_log_says_once_what_and_where(void **state)
{
	char log[4096];
	int fd = memfd_create("log", MFD_CLOEXEC);
	(void)state;
	assert_true(fd >= 0);
	make(AUTH_KIND_GROUP, "Ops", INLINE("Broken", "{\"Version\":\"2012-10-17\"}"));
	make(AUTH_KIND_USER, "alice", GROUP("Ops"));
	log_configure(LOG_FORM_TEXT, LOG_ERROR, fd);
	assert_closed("alice", "");
	assert_closed("alice", "");
	log_configure(LOG_FORM_TEXT, LOG_ERROR, -1);
	read_log(fd, log);
	assert_int_equal(close(fd), 0);
	const char *line = strstr(log, "subject.policy_refused");
	assert_non_null(line);
	assert_null(strstr(line + 1, "subject.policy_refused"));
	assert_non_null(strstr(line, ARN("user/alice")));
	assert_non_null(strstr(line, "group/Ops/Broken"));
	assert_non_null(strstr(line, "Statement"));
}

/* A caller with a broken policy does not make the store work, nor the log grow, with each call. */
static void test_what_closed_is_kept_until_something_changes(void **state)
{
	CLEANUP(subject_release) struct subject *alice = NULL;
	(void)state;
	make(AUTH_KIND_USER, "alice", ATTACHED(ARN("policy/Late")));
	assert_closed("alice", "");
	assert_closed("alice", "");
	assert_int_equal(atomic_load(&port.loads), 1);
	make(AUTH_KIND_POLICY, "Late", DOCUMENT(ALLOW("kms:*")));
	subjects_drop_all(port.subjects);
	assert_ok(acquire("alice", "", &alice));
	assert_int_equal(subject_of(alice)->policy_count, 1);
}

static void test_a_store_that_fails_is_not_taken_for_a_missing_policy(void **state)
{
	CLEANUP(subject_release) struct subject *alice = NULL;
	(void)state;
	make(AUTH_KIND_POLICY, "Read", DOCUMENT(ALLOW("kms:*")));
	make(AUTH_KIND_USER, "alice", ATTACHED(ARN("policy/Read")));
	port.failure = ERR(E_STORE);
	assert_err(acquire("alice", "", &alice), E_STORE);
	assert_int_equal(subjects_count(port.subjects), 0);
	port.failure = OK;
	assert_ok(acquire("alice", "", &alice));
}

/* --- memory --- */

static void test_a_snapshot_is_read_once_and_only_where_blocking_is_allowed(void **state)
{
	CLEANUP(subject_release) struct subject *first = NULL;
	CLEANUP(subject_release) struct subject *second = NULL;
	struct auth_principal principal = people_principal(AUTH_USER, "alice");
	(void)state;
	make(AUTH_KIND_USER, "alice", INLINE("ReadKeys", ALLOW("kms:Get*")));
	assert_err(subjects_acquire(port.subjects, &principal, VIEW_NONE, false, &first),
		   E_WOULD_BLOCK);
	assert_int_equal(atomic_load(&port.loads), 0);
	assert_ok(acquire("alice", "", &first));
	assert_ok(subjects_acquire(port.subjects, &principal, VIEW_NONE, false, &second));
	assert_int_equal(atomic_load(&port.loads), 1);
	assert_ptr_equal(subject_of(first)->policies, subject_of(second)->policies);
}

/* Sessions of a role share its snapshot, and stay who they are. */
static void test_each_session_of_a_role_is_itself(void **state)
{
	CLEANUP(subject_release) struct subject *one = NULL;
	CLEANUP(subject_release) struct subject *two = NULL;
	CLEANUP(subject_release) struct subject *limited = NULL;
	struct auth_principal principal = people_principal(AUTH_ROLE_SESSION, "Deploy");
	(void)state;
	make(AUTH_KIND_ROLE, "Deploy", INLINE("Use", ALLOW("kms:*")), DOCUMENT("{}"));
	assert_ok(text_copy(principal.name, sizeof principal.name, VIEW_LITERAL("first")));
	assert_ok(subjects_acquire(port.subjects, &principal, VIEW_NONE, true, &one));
	assert_ok(text_copy(principal.name, sizeof principal.name, VIEW_LITERAL("second")));
	assert_ok(subjects_acquire(port.subjects, &principal, VIEW_NONE, false, &two));
	assert_string_equal(subject_of(one)->principal->name, "first");
	assert_string_equal(subject_of(two)->principal->name, "second");
	assert_ptr_equal(policy_of(one, "role/Deploy/Use"), policy_of(two, "role/Deploy/Use"));
	assert_err(subjects_acquire(port.subjects, &principal, VIEW_LITERAL(ALLOW("kms:Sign")),
				    false, &limited),
		   E_WOULD_BLOCK);
	assert_ok(subjects_acquire(port.subjects, &principal, VIEW_LITERAL(ALLOW("kms:Sign")), true,
				   &limited));
	assert_non_null(subject_of(limited)->session.policy);
	assert_null(subject_of(two)->session.policy);
}

static void test_what_is_held_outlives_its_dropping(void **state)
{
	CLEANUP(subject_release) struct subject *held = NULL;
	CLEANUP(subject_release) struct subject *fresh = NULL;
	(void)state;
	make(AUTH_KIND_USER, "alice", INLINE("Old", ALLOW("kms:Get*")));
	assert_ok(acquire("alice", "", &held));
	change(AUTH_KIND_USER, "alice", INLINE("New", ALLOW("kms:List*")));
	subjects_drop_all(port.subjects);
	assert_true(allows(policy_of(held, "user/alice/Old"), "kms:GetKeyPolicy"));
	assert_ok(acquire("alice", "", &fresh));
	assert_true(allows(policy_of(fresh, "user/alice/New"), "kms:ListKeys"));
}

static void put_new_policy(void)
{
	change(AUTH_KIND_USER, "alice", INLINE("New", ALLOW("kms:List*")));
}

/* What was read before a commit is neither kept nor handed out. */
static void test_a_load_that_raced_a_change_is_read_again(void **state)
{
	CLEANUP(subject_release) struct subject *alice = NULL;
	(void)state;
	make(AUTH_KIND_USER, "alice", INLINE("Old", ALLOW("kms:Get*")));
	port.races = 1;
	port.meanwhile = put_new_policy;
	assert_ok(acquire("alice", "", &alice));
	assert_non_null(policy_of(alice, "user/alice/New"));
	assert_int_equal(atomic_load(&port.loads), 2);
	assert_int_equal(subjects_count(port.subjects), 1);
}

static void test_under_endless_changes_nobody_may_anything(void **state)
{
	CLEANUP(subject_release) struct subject *alice = NULL;
	(void)state;
	make(AUTH_KIND_USER, "alice", INLINE("Old", ALLOW("kms:Get*")));
	port.races = 1000;
	assert_err(acquire("alice", "", &alice), E_BUSY);
	assert_true(atomic_load(&port.loads) < 10);
	assert_int_equal(subjects_count(port.subjects), 0);
}

static bool is_kept(const char *user)
{
	CLEANUP(subject_release) struct subject *subject = NULL;
	struct auth_principal principal = people_principal(AUTH_USER, user);
	struct err e = subjects_acquire(port.subjects, &principal, VIEW_NONE, false, &subject);
	assert_true(!err_failed(e) || err_is(e, E_WOULD_BLOCK));
	return !err_failed(e);
}

static void load_user(const char *user)
{
	CLEANUP(subject_release) struct subject *subject = NULL;
	assert_ok(acquire(user, "", &subject));
}

static void test_the_longest_unused_goes_first(void **state)
{
	static const char *const users[] = {"1", "2", "3", "4", "5"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		make(AUTH_KIND_USER, users[i], NOTHING);
	for (size_t i = 0; i < SUBJECTS_MAX; i++)
		load_user(users[i]);
	load_user("1");
	load_user("5");
	assert_int_equal(subjects_count(port.subjects), SUBJECTS_MAX);
	assert_true(is_kept("1"));
	assert_false(is_kept("2"));
	assert_true(is_kept("5"));
}

/* --- many threads: nobody may what was taken away before the call began --- */

#define READERS 3
#define CHANGES 60

static atomic_bool done;
static atomic_uint stale;
static atomic_int answered; /* the last change that was answered */

/* Each change renames the policy; the name is read back as a number. */
static int policy_number(const struct subject *subject)
{
	int64_t number = -1;
	struct view name = view_of_text(subject_of(subject)->policies[0].name);
	const struct view prefix = VIEW_LITERAL("user/alice/P");
	if (err_failed(
		    text_parse_integer(view_part(name, prefix.len, name.len), 0, CHANGES, &number)))
		return -1;
	return (int)number;
}

static void *read_on(UNUSED void *arg)
{
	struct auth_principal principal = {
		.type = AUTH_USER, .account = WORLD_ACCOUNT, .id = "AIDA-alice"};
	while (!atomic_load(&done)) {
		CLEANUP(subject_release) struct subject *subject = NULL;
		int least = atomic_load(&answered);
		struct err e =
			subjects_acquire(port.subjects, &principal, VIEW_NONE, true, &subject);
		if (err_is(e, E_BUSY))
			continue;
		if (err_failed(e) || policy_number(subject) < least)
			atomic_fetch_add(&stale, 1);
	}
	return NULL;
}

static void test_no_reader_sees_what_was_taken_away_before_it_asked(void **state)
{
	pthread_t threads[READERS];
	(void)state;
	make(AUTH_KIND_USER, "alice", INLINE("P0", ALLOW("kms:*")));
	atomic_store(&done, false);
	atomic_store(&stale, 0);
	atomic_store(&answered, 0);
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_on, NULL), 0);
	for (int to = 1; to < CHANGES; to++) {
		char name[8];
		struct auth_named_text policy = {name, (char[]){ALLOW("kms:*")}};
		assert_ok(text_format(name, sizeof name, "P%d", to));
		change(AUTH_KIND_USER, "alice", .policies = &policy, .policy_count = 1);
		subjects_drop_all(port.subjects);
		atomic_store(&answered, to);
	}
	atomic_store(&done, true);
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&stale), 0);
}

/* --- set-up --- */

static int make_world(void **state)
{
	(void)state;
	world_make(&world);
	world_start(&world, &world.first, "audit");
	log_configure(LOG_FORM_TEXT, LOG_ERROR, -1); /* refused policies are logged, and meant */
	port.real = store_sqlite_identities(world.first.store);
	return 0;
}

static int remove_world(void **state)
{
	(void)state;
	world_stop(&world.first);
	world_remove(&world);
	return 0;
}

static void watch_port(void)
{
	port.watched = port.real;
	port.watched.load = load;
	port.watched.load_by_id = load_by_id;
	port.races = 0;
	port.meanwhile = NULL;
	port.failure = OK;
	atomic_store(&port.loads, 0);
}

static int set_up(void **state)
{
	(void)state;
	assert_ok(port.real.clear(port.real.self));
	make(AUTH_KIND_ACCOUNT, WORLD_ACCOUNT, NOTHING);
	watch_port();
	const struct subjects_options options = {
		.identities = port.watched, .partition = "aws", .subjects_max = SUBJECTS_MAX};
	assert_ok(subjects_new(&options, &port.subjects));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	subjects_free(&port.subjects);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_user_has_its_own_policies_and_those_of_its_groups),
		TEST(test_a_policy_attached_twice_is_there_once),
		TEST(test_boundaries_and_session_policies_stand_apart),
		TEST(test_tags_are_the_identitys),
		TEST(test_root_and_services_have_no_policies),
		TEST(test_of_the_operator_nothing_is_read),
		TEST(test_who_is_gone_is_unknown),
		TEST(test_the_id_of_another_kind_or_account_is_nobodys),
		TEST(test_what_is_missing_closes),
		TEST(test_policies_of_other_accounts_and_partitions_close),
		TEST(test_what_does_not_compile_closes),
		TEST(test_the_log_says_once_what_and_where),
		TEST(test_what_closed_is_kept_until_something_changes),
		TEST(test_a_store_that_fails_is_not_taken_for_a_missing_policy),
		TEST(test_a_snapshot_is_read_once_and_only_where_blocking_is_allowed),
		TEST(test_each_session_of_a_role_is_itself),
		TEST(test_what_is_held_outlives_its_dropping),
		TEST(test_a_load_that_raced_a_change_is_read_again),
		TEST(test_under_endless_changes_nobody_may_anything),
		TEST(test_the_longest_unused_goes_first),
		TEST(test_no_reader_sees_what_was_taken_away_before_it_asked),
	};
	return cmocka_run_group_tests_name("subjects", tests, make_world, remove_world);
}
