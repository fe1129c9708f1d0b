/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML out (XML 1.0), written straight into a writer, so that a reply with a secret can be built in
 * locked memory. Elements and text, nothing else; what cannot be (unbalanced, too deep) marks the
 * writer with E_BUG.
 */
#ifndef HOLDFAST_CODEC_XML_OUT_H
#define HOLDFAST_CODEC_XML_OUT_H

#include "base/err.h"
#include "base/writer.h"

#define XML_DEPTH_MAX 8

struct xml_out {
	struct writer *w;                /* borrowed */
	const char *open[XML_DEPTH_MAX]; /* names, borrowed until the element has ended */
	uint32_t depth;
};

/* Nothing is written yet: no XML declaration, as AWS has none. */
void xml_out_init(struct xml_out *out, struct writer *w);

/* Names are ours, never data. `space`: the namespace of the root; NULL for all others. */
void xml_out_begin(struct xml_out *out, const char *name, const char *space);
void xml_out_end(struct xml_out *out);

/*
 * <name>text</name>. Markup is escaped; tab and line ends are written as references, so that they
 * arrive; what XML cannot have (other controls, U+FFFE, U+FFFF, bytes that are no UTF-8) becomes
 * U+FFFD. Secrets may pass: their alphabets need no escape.
 */
void xml_out_text(struct xml_out *out, const char *name, struct view text);
void xml_out_integer(struct xml_out *out, const char *name, int64_t value);

/* <name>2026-11-21T18:42:51Z</name>: xs:dateTime in whole seconds, as STS writes it. */
void xml_out_time(struct xml_out *out, const char *name, int64_t unix_ms);

/* E_BUG when something is still open; the writer's failure. */
NODISCARD struct err xml_out_finish(const struct xml_out *out);

#endif
