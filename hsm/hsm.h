/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One PKCS#11 token, as operations on keys that never leave it.
 *
 * Two implementations, chosen by the linker: hsm/remote.c reaches holdfast-token over its socket
 * (in the daemon), hsm/p11/local.c drives the PKCS#11 module in this process (in holdfast-token's
 * worker and in tests). Neither a CK_ type nor a key byte is in this header.
 *
 * Everything is asynchronous: fill a `struct hsm_op`, hsm_submit() it, and `done` is called once.
 * Where waiting is right, hsm_call() does both. Key objects are named by their CKA_ID; the
 * implementation maps it to a session handle of the current generation, so that a stale handle is
 * an error (and is looked up again), never another key.
 */
#ifndef HOLDFAST_HSM_HSM_H
#define HOLDFAST_HSM_HSM_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/view.h"
#include "hsm/evidence.h"

struct hsm;

#define HSM_KEY_ID_LEN 16
#define HSM_LABEL_MAX 128          /* bytes of CKA_LABEL */
#define HSM_HEADER_MAX 64          /* bytes of ciphertext header before the nonce */
#define HSM_CONTEXT_MAX (64 << 10) /* bytes of canonical encryption context */
#define HSM_PLAINTEXT_MAX 4096     /* bytes sealed by one operation */
#define HSM_RANDOM_MAX 1024        /* bytes drawn by one operation */
#define HSM_MAC_LEN 32             /* HMAC-SHA-256 */
#define HSM_MAC_BATCH_MAX 256      /* messages of one HSM_MAC operation */
#define HSM_MAC_MESSAGE_MAX (160 << 10)
#define HSM_MAC_BYTES_MAX (256 << 10) /* of all messages of one operation */
#define HSM_ENUMERATE_MAX 256         /* objects of one page */
#define HSM_DIGEST_LEN 32             /* SHA-256, signed as it is */
#define HSM_SIGNATURE_LEN 64          /* ECDSA over P-256: r, then s, big-endian */
#define HSM_POINT_LEN 65              /* SEC 1, uncompressed */

/* What a sealed message carries around its ciphertext: nonce 15, IV 12 in front, tag 16 behind. */
#define HSM_NONCE_LEN 15
#define HSM_IV_LEN 12
#define HSM_TAG_LEN 16
#define HSM_SEALED_OVERHEAD (HSM_NONCE_LEN + HSM_IV_LEN + HSM_TAG_LEN)

/* CKA_ID of a key object. */
struct hsm_key_id {
	uint8_t bytes[HSM_KEY_ID_LEN];
};

/* What a key object is for. Bound at creation through its type and usage attributes and its label.
 */
enum hsm_role {
	HSM_ROLE_VERSION = 1, /* AES-256: a key version (backing key) */
	HSM_ROLE_ROW_SEAL,    /* generic secret: HMAC over rows of the store */
	HSM_ROLE_AUDIT_SIGN,  /* EC P-256: heads of the audit chain */
	HSM_ROLE_SECRET_WRAP, /* AES-256: API secrets at rest */
};

/*
 * How a version or wrap key encrypts (message keys: README). Fixed at creation by what the token
 * can do; the number stands in every ciphertext.
 */
enum hsm_suite {
	HSM_SUITE_NONE = 0,  /* roles that do not encrypt */
	HSM_SUITE_SP800_108, /* 1: CKM_SP800_108_COUNTER_KDF, then AES-256-GCM */
	HSM_SUITE_ECB_DATA,  /* 2: CKM_AES_ECB_ENCRYPT_DATA over two blocks, then AES-256-GCM */
	HSM_SUITE_DIRECT,    /* 3: AES-256-GCM under the key itself; the caller keeps its budget */
};

/* Separates protocols that share a key; part of the derivation of message keys. */
enum hsm_purpose { HSM_PURPOSE_KMS = 0, HSM_PURPOSE_XKS = 1 };

/*
 * Under what something is sealed. All borrowed until the operation is done.
 * header   authenticated, and kept by the caller in front of the sealed bytes
 * context  authenticated, and not kept
 * The AAD of AES-GCM is header ‖ nonce ‖ context.
 */
struct hsm_sealing {
	struct hsm_key_id key;
	enum hsm_suite suite;
	enum hsm_purpose purpose;
	struct view header;  /* 1..HSM_HEADER_MAX */
	struct view context; /* 0..HSM_CONTEXT_MAX */
};

/* A key object as the token holds it, its attributes read back. */
struct hsm_object {
	struct hsm_key_id id;
	enum hsm_role role;
	enum hsm_suite suite; /* what its usage attributes allow: VERSION and SECRET_WRAP */
	bool sound; /* every attribute that its role demands was read back from the token */
	char label[HSM_LABEL_MAX + 1];
};

enum hsm_verb {
	HSM_SEAL = 1, /* in: to, plaintext            out: sealed */
	HSM_OPEN,     /* in: from, sealed_in          out: plaintext_out */
	HSM_RESEAL,   /* in: from, sealed_in, to      out: sealed; the plaintext stays beside the
			 token */
	HSM_GENERATE_SEALED, /* in: to, length, want_plaintext  out: sealed, plaintext_out when
				wanted */
	HSM_RANDOM, /* in: length                   out: plaintext_out; from the token's RNG */
	HSM_MAC,    /* in: from.key (ROW_SEAL), messages  out: macs */
	HSM_KEY_GENERATE, /* in: object.id, .role, .suite, .label  out: object */
	HSM_KEY_FIND,     /* in: object.id                out: object; E_HSM_KEY_UNKNOWN */
	HSM_KEY_DESTROY,  /* in: object.id, .label (must match; a version's)  out: nothing */
	HSM_ENUMERATE,    /* in: cursor                   out: objects, count, cursor; a page */
	HSM_PROBE, /* a real seal and open on the token, under a key made for it; out: nothing */
	HSM_SIGN,  /* in: from.key (AUDIT_SIGN), digest   out: signature */
	HSM_PUBLIC_KEY, /* in: from.key (AUDIT_SIGN)      out: point */
	HSM_DESCRIBE,   /* in: object.id                  out: object, attributes; E_HSM_KEY_UNKNOWN
			 */
	HSM_ANCHOR_READ,  /* in: anchor.prefix            out: anchor, the higher of the two */
	HSM_ANCHOR_RAISE, /* in: anchor, epoch 1..        out: anchor as it is now: not lower than
			     asked, and durable */
	HSM_VERB_COUNT
};

/*
 * One operation. Zero it, fill `verb`, `deadline_ms` and the verb's inputs, submit it. It and its
 * inputs must stay until `done` is called; the outputs then belong to the caller, who ends with
 * hsm_op_cleanup().
 *
 * deadline_ms  on clock_steady_ms(); past it the operation fails with E_HSM_TIMEOUT. 0 is an error.
 * done         called exactly once, on a thread of the implementation or inside hsm_submit(); it
 * must not block and must not call hsm_call(). It may submit another operation, or free op.
 *
 * Errors, every verb: E_HSM_AWAY, E_HSM_TIMEOUT, E_HSM_CAPACITY, E_BUSY (all: try again later),
 * E_BOUNDS and E_FORMAT (inputs), E_HSM_KEY_UNKNOWN, E_HSM_KEY_ROLE, E_HSM_ATTRIBUTES,
 * E_HSM_REFUSED. OPEN and RESEAL: E_HSM_CIPHERTEXT, never a hint which part was wrong.
 * KEY_GENERATE: E_HSM_KEY_EXISTS when an object with this id is there; one that another program
 * made since the last enumeration may go unseen where looking costs too much, and stays as it is.
 * When the answer is lost (E_HSM_AWAY, E_HSM_TIMEOUT) the object may exist: ask with KEY_FIND. The
 * id is also taken when the token made the key and lost the session before it could say so.
 * KEY_DESTROY: E_HSM_KEY_ROLE for anything but a version's key.
 * ANCHOR_RAISE: an epoch at or below the anchor's changes nothing; E_HSM_ANCHOR when the anchor has
 * that epoch with another digest.
 */
struct hsm_op {
	enum hsm_verb verb;
	int64_t deadline_ms;
	void (*done)(struct hsm_op *op, struct err result);
	void *user;

	/* in, borrowed */
	struct hsm_sealing from;
	struct hsm_sealing to;
	struct view sealed_in; /* nonce ‖ IV ‖ ciphertext ‖ tag */
	const struct secret *plaintext;
	size_t length; /* bytes to draw */
	bool want_plaintext;
	const struct view *messages; /* message_count of them */
	size_t message_count;
	struct hsm_key_id cursor; /* in: last id of the page before, zero at first; out: the same */
	uint8_t digest[HSM_DIGEST_LEN];

	/* The request that this is for, as every log names it; "": none. hsm_submit() fills it in
	 * from LOG_REQUEST_SCOPE() when it is empty. */
	char request[LOG_REQUEST_LEN + 1];

	/* in and out */
	struct hsm_object object;
	struct hsm_anchor anchor;

	/* out, owned by op until hsm_op_cleanup(); take with TAKE() */
	struct buf sealed; /* nonce ‖ IV ‖ ciphertext ‖ tag */
	struct secret *plaintext_out;
	uint8_t (*macs)[HSM_MAC_LEN]; /* message_count of them */
	struct hsm_object *objects;   /* sorted by id */
	size_t object_count;          /* 0: the last page was reached */
	uint8_t signature[HSM_SIGNATURE_LEN];
	uint8_t point[HSM_POINT_LEN];
	struct hsm_attributes attributes;

	/* the implementation's own */
	struct hsm_op *next;
	uint64_t tag;
	bool tells_request; /* `request` crosses to the token's process */
	struct err result;
};

/* Wipes and frees the outputs; the op itself is the caller's. Safe on a zeroed op and twice. */
void hsm_op_cleanup(struct hsm_op *op);

/* Starts the operation; every failure arrives through `done`. Does not block. Thread-safe. */
void hsm_submit(struct hsm *hsm, struct hsm_op *op);

/* Submits and waits; `done` and `user` are used by it. Blocks until the op's deadline at most (and
 * a second). */
NODISCARD struct err hsm_call(struct hsm *hsm, struct hsm_op *op);

/* What is known of the token without asking it: for status, readiness and init. */
enum hsm_condition { HSM_UP = 1, HSM_CONNECTING, HSM_AWAY, HSM_PIN_REFUSED, HSM_REFUSED_UNSAFE };

struct hsm_status {
	enum hsm_condition condition;
	struct err last_error; /* why it is not UP; OK otherwise */
	enum hsm_suite suite;  /* for new keys; probed, or pinned by a setting */
	uint32_t lanes;
	uint64_t generation; /* grows with every recovery */
	uint64_t operations; /* since the start */
	uint64_t failures;
	char manufacturer[33];
	char model[17];
	char serial[17];
	char token_label[33];
};

/* A copy of what was last known; never blocks. While not UP the token's names may be empty. */
void hsm_status(struct hsm *hsm, struct hsm_status *out);

/* Fails what is under way with E_CANCELLED, waits for its threads, frees; *hsm becomes NULL. */
void hsm_close(struct hsm **hsm);

#endif
