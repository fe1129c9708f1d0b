/* SPDX-License-Identifier: Apache-2.0 */
/* A doctored audit log: judged without harm, and never found to be signed for. A form feed begins
 * another segment. */
#include <stdlib.h>

#include "audit/inspection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The generator of P-256: a public key whose private key is 1, which no input signs with. */
static const uint8_t key[AUDIT_POINT_LEN] = {
	0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5,
	0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4,
	0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a,
	0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33,
	0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};

static void parse_alone(struct view line)
{
	struct audit_link link;
	struct removal removal;
	struct audit_resumption resumption;
	struct attestation attestation;
	bool is = false;
	if (audit_link_parse(line, &link) && link.record.len >= line.len)
		abort();
	(void)!err_failed(attestation_parse(line, &attestation));
	(void)!err_failed(removal_parse(line, &removal, &is));
	(void)!err_failed(audit_resumption_parse(line, &resumption, &is));
}

static void inspect(struct inspection *in, struct view rest)
{
	uint64_t number = 0, segment = 1;
	while (rest.ptr != NULL) {
		struct view text = view_cut(&rest, '\n');
		if (view_equal_text(text, "\f")) {
			segment++;
			number = 0;
			continue;
		}
		const struct audit_line line = {.text = text,
						.segment = "audit-20260101T000000Z-000001.jsonl",
						.segment_sequence = segment,
						.number = ++number,
						.torn = rest.ptr == NULL};
		parse_alone(text);
		if (err_failed(inspection_line(in, &line)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit_verify_report report;
	const struct audit_verify_options options = {.public_keys = key, .key_count = 1};
	/* One of the two kinds of pass: each needs megabytes, and they share their code. */
	CLEANUP(inspection_cleanup) struct inspection in = {0};
	if (err_failed(inspection_init(&in, &options, size % 2 != 0, &report)))
		abort();
	inspect(&in, view_of(data, size));
	if (err_failed(inspection_end(&in)) || report.attested.sequence != 0)
		abort();
	return 0;
}
