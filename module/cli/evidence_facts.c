/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/evidence_facts.h"

#include "base/text.h"

#define LABEL_MAX 256

static const struct {
	const char *name;
	enum judge_role role;
} own_roles[] = {
	{"row-seal", JUDGE_ROW_SEAL},
	{"audit-sign", JUDGE_AUDIT_SIGN},
	{"secret-wrap", JUDGE_SECRET_WRAP},
};

struct judge_subject evidence_subject_of_version(const struct json *key, const struct json *version)
{
	return (struct judge_subject){
		.role = JUDGE_VERSION,
		.suite = json_integer_of(json_member(version, "Suite")),
		.imported = view_equal_text(json_string_of(json_member(key, "Origin")), "EXTERNAL"),
	};
}

/* One that is called what it should not be is judged as a version, whose usage it does not have. */
struct judge_subject evidence_subject_of_own(const struct json *own)
{
	struct judge_subject subject = {.role = JUDGE_VERSION,
					.suite = json_integer_of(json_member(own, "Suite"))};
	for (size_t i = 0; i < ARRAY_LEN(own_roles); i++)
		if (view_equal_text(json_string_of(json_member(own, "Role")), own_roles[i].name))
			subject.role = own_roles[i].role;
	return subject;
}

bool evidence_label_fits(const struct json *evidence, const struct json *key,
			 const struct json *version)
{
	char label[LABEL_MAX];
	const struct json *machine = json_member(json_member(evidence, "System"), "Installation");
	struct view installation = json_string_of(json_member(machine, "Id"));
	struct view id = json_string_of(json_member(key, "KeyId"));
	struct err e =
		text_format(label, sizeof label, "holdfast:%.*s:%.*s:%lld", (int)installation.len,
			    (const char *)installation.ptr, (int)id.len, (const char *)id.ptr,
			    (long long)json_integer_of(json_member(version, "Number")));
	const struct json *token = json_member(version, "Token");
	return !err_failed(e) &&
	       view_equal_text(json_string_of(json_member(token, "Label")), label);
}

static void count_version(const struct json *evidence, const struct json *key,
			  const struct json *version, struct evidence_facts *out)
{
	const struct json *token = json_member(version, "Token");
	struct judge_subject subject = evidence_subject_of_version(key, version);
	struct view made = json_string_of(json_member(version, "MadeBy"));
	out->versions++;
	out->rotations += !view_equal_text(made, "CREATION");
	out->refused += json_bool_of(json_member(version, "Refused"));
	if (!view_equal_text(json_string_of(json_member(version, "Material")), "present")) {
		out->gone++;
		return;
	}
	out->judged[judge_object(&subject, token)]++;
	if (json_member(token, "Attributes") == NULL)
		out->unread++;
	else
		out->misplaced += !evidence_label_fits(evidence, key, version);
}

static void count_key(const struct json *evidence, const struct json *key,
		      struct evidence_facts *out)
{
	const struct json *versions = json_member(key, "Versions");
	int64_t current = json_integer_of(json_member(key, "CurrentVersion")), last = 0;
	bool ascending = true, has_current = current == 0;
	out->keys++;
	out->grants += json_count(json_member(key, "Grants"));
	for (size_t i = 0; i < json_count(versions); i++) {
		const struct json *version = json_element(versions, i);
		int64_t number = json_integer_of(json_member(version, "Number"));
		ascending = ascending && number > last;
		has_current = has_current || number == current;
		last = number;
		count_version(evidence, key, version, out);
	}
	out->gaps += !ascending || !has_current;
}

static void count_own(const struct json *keys, struct evidence_facts *out)
{
	for (size_t i = 0; i < json_count(keys); i++) {
		const struct json *key = json_element(keys, i);
		struct judge_subject subject = evidence_subject_of_own(key);
		out->own[judge_object(&subject, json_member(key, "Token"))]++;
	}
}

static void count_tests(const struct json *tests, struct evidence_facts *out)
{
	for (size_t i = 0; i < json_count(tests); i++)
		out->tests_failed += !json_bool_of(json_member(json_element(tests, i), "Passed"));
	out->tests = json_count(tests);
}

void evidence_facts_count(const struct json *evidence, struct evidence_facts *out)
{
	const struct json *keys = json_member(evidence, "Keys");
	const struct json *store = json_member(evidence, "Store");
	const struct json *audit = json_member(evidence, "Audit");
	*out = (struct evidence_facts){0};
	for (size_t i = 0; i < json_count(keys); i++)
		count_key(evidence, json_element(keys, i), out);
	count_own(json_member(evidence, "ServiceKeys"), out);
	count_tests(json_member(json_member(evidence, "SelfTests"), "Tests"), out);
	out->identities = json_count(json_member(evidence, "Identities"));
	out->store_looked = json_member(store, "Ok") != NULL;
	out->store_well = json_bool_of(json_member(store, "Ok"));
	out->audit_looked = json_bool_of(json_member(audit, "Looked"));
	out->audit_well = json_bool_of(json_member(audit, "Verified"));
	/* Lines that only follow from each other are anybody's who could write to the folder. */
	out->audit_signed = json_member(audit, "Attested") != NULL ||
			    json_integer_of(json_member(audit, "Records")) ==
				    json_integer_of(json_member(audit, "LinesBeforeTheChain"));
}
