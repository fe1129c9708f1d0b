/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module that passes everything on to a real one, and misbehaves on command: for tests
 * of what a token may do to us, hang and die included.
 *
 * HOLDFAST_SHIM_MODULE  the real module; default /usr/lib/softhsm/libsofthsm2.so
 * HOLDFAST_SHIM         a file of rules; read anew whenever it was replaced (write another file and
 *                       rename(2) it over), which also resets the counts. Absent or empty: no
 * rules.
 *
 * One rule a line, a function and what happens in it:
 *
 *   C_Encrypt delay=500                wait 500 ms, then do it
 *   C_Decrypt ckr=0x30                 do not do it, return CKR_DEVICE_ERROR
 *   C_Decrypt ckr=0x30 from=3          the same, from the third call on
 *   C_Decrypt ckr=0x30 from=3 times=1  the same, in the third call only
 *   C_GenerateKey ckr=0x30 late=1      do it, then return the error: the answer is lost
 *   C_Login kill=1                     the process ends with SIGKILL (with late=1: afterwards)
 *
 *   C_Decrypt lie=1                    do it, zero the output, return CKR_OK whatever came
 *                                      (C_Encrypt, C_Decrypt, C_Sign, C_GenerateRandom)
 *   C_SetAttributeValue lie=1          do not do it, return CKR_OK
 *   C_GetTokenInfo flags=0x20000       add these to the token's flags
 *   C_Encrypt syscall=170              make this system call with arguments of 0, then do it
 *
 * Numbers are decimal, or hexadecimal with 0x. Calls are counted for each rule. A line that is not
 * understood ends the process: a test that means nothing must not pass.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

#include "base/lock.h"
#include "base/mem.h"
#include "base/text.h"

#define RULES_MAX 32
#define SCRIPT_MAX 4096
#define GCM_TAG 16
#define MODULE_DEFAULT "/usr/lib/softhsm/libsofthsm2.so"

struct rule {
	char function[32];
	unsigned long delay_ms;
	unsigned long ckr;
	unsigned long from;
	unsigned long times; /* 0: for ever */
	unsigned long late;
	unsigned long kill;
	unsigned long lie;
	unsigned long flags;
	unsigned long syscall;
	unsigned long calls;
};

/* What one call is to do. */
struct order {
	unsigned long delay_ms;
	unsigned long ckr;
	unsigned long late;
	unsigned long kill;
	unsigned long lie;
	unsigned long flags;
	unsigned long syscall; /* 0: none */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[RULES_MAX];
static size_t rule_count;
static struct stat loaded;
static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST list;

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out);

static void die(const char *why)
{
	(void)fprintf(stderr, "pkcs11_shim: %s\n", why);
	abort();
}

static int digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

static unsigned long number_of(struct view text)
{
	unsigned long base = view_starts_with(text, VIEW_LITERAL("0x")) ? 16 : 10;
	unsigned long value = 0;
	if (text.len == 0)
		die("a number is missing");
	for (size_t i = base == 16 ? 2 : 0; i < text.len; i++) {
		unsigned long digit = (unsigned long)digit_of(text.ptr[i]);
		if (digit >= base)
			die("not a number");
		value = value * base + digit;
	}
	return value;
}

static void set_field(struct rule *rule, struct view name, struct view value)
{
	const struct {
		const char *name;
		unsigned long *at;
	} fields[] = {
		{"delay", &rule->delay_ms}, {"ckr", &rule->ckr},     {"from", &rule->from},
		{"times", &rule->times},    {"late", &rule->late},   {"kill", &rule->kill},
		{"lie", &rule->lie},        {"flags", &rule->flags}, {"syscall", &rule->syscall},
	};
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (!view_equal_text(name, fields[i].name))
			continue;
		*fields[i].at = number_of(value);
		return;
	}
	die("a rule has an unknown field");
}

static void parse_rule(struct view line)
{
	struct view name = view_cut(&line, ' ');
	if (name.len == 0)
		return;
	if (rule_count == RULES_MAX)
		die("too many rules");
	struct rule *rule = &rules[rule_count++];
	*rule = (struct rule){.from = 1};
	if (err_failed(text_copy(rule->function, sizeof(rule->function), name)))
		die("a function's name is too long");
	while (line.ptr != NULL && line.len > 0) {
		struct view value = view_cut(&line, ' ');
		struct view field = view_cut(&value, '=');
		if (field.len > 0)
			set_field(rule, field, value);
	}
}

/* Reads the rules when the file is another one than last time. The lock is held. */
static void refresh(void)
{
	static char script[SCRIPT_MAX];
	const char *path = getenv("HOLDFAST_SHIM");
	struct stat now = {0};
	bool there = path != NULL && stat(path, &now) == 0;
	if (now.st_ino == loaded.st_ino && now.st_mtim.tv_sec == loaded.st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == loaded.st_mtim.tv_nsec)
		return;
	loaded = now;
	rule_count = 0;
	FILE *file = there ? fopen(path, "re") : NULL;
	if (file == NULL)
		return;
	struct view rest = view_of(script, fread(script, 1, sizeof(script), file));
	(void)fclose(file);
	while (rest.ptr != NULL && rest.len > 0)
		parse_rule(view_cut(&rest, '\n'));
}

static struct order order_for(const char *function)
{
	struct order order = {0};
	LOCK_SCOPE(&lock);
	refresh();
	for (size_t i = 0; i < rule_count; i++) {
		struct rule *rule = &rules[i];
		if (!text_equal(rule->function, function))
			continue;
		rule->calls++;
		if (rule->calls < rule->from ||
		    (rule->times != 0 && rule->calls >= rule->from + rule->times))
			continue;
		order.delay_ms += rule->delay_ms;
		order.ckr = rule->ckr ? rule->ckr : order.ckr;
		order.late |= rule->late;
		order.kill |= rule->kill;
		order.lie |= rule->lie;
		order.flags |= rule->flags;
		order.syscall |= rule->syscall;
	}
	return order;
}

static void wait_ms(unsigned long ms)
{
	struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
	while (ms > 0 && nanosleep(&left, &left) != 0)
		;
}

/* True: the real function is to be called. */
static bool before(const char *function, struct order *order, CK_RV *rv)
{
	*order = order_for(function);
	wait_ms(order->delay_ms);
	if (order->syscall)
		(void)syscall((long)order->syscall, 0, 0, 0, 0, 0, 0);
	if (order->kill && !order->late)
		(void)kill(getpid(), SIGKILL);
	*rv = order->ckr;
	return order->ckr == CKR_OK || order->late;
}

static CK_RV after(const struct order *order, CK_RV rv)
{
	if (order->kill)
		(void)kill(getpid(), SIGKILL);
	return order->ckr != CKR_OK ? order->ckr : rv;
}

#define WRAP(name, parameters, arguments)                   \
	static CK_RV shim_##name parameters                 \
	{                                                   \
		struct order order;                         \
		CK_RV rv;                                   \
		if (!before(#name, &order, &rv))            \
			return rv;                          \
		return after(&order, real->name arguments); \
	}

/* Functions with data in and out, which can lie about the data. */
#define WRAP_DATA(name, length)                                                                 \
	static CK_RV shim_##name(CK_SESSION_HANDLE a, CK_BYTE_PTR b, CK_ULONG c, CK_BYTE_PTR d, \
				 CK_ULONG_PTR e)                                                \
	{                                                                                       \
		struct order order;                                                             \
		CK_RV rv;                                                                       \
		if (!before(#name, &order, &rv))                                                \
			return rv;                                                              \
		rv = real->name(a, b, c, d, e);                                                 \
		if (order.lie && d != NULL) {                                                   \
			*e = length;                                                            \
			mem_zero(d, *e);                                                        \
			return CKR_OK;                                                          \
		}                                                                               \
		return after(&order, rv);                                                       \
	}

static CK_RV shim_C_GenerateRandom(CK_SESSION_HANDLE session, CK_BYTE_PTR out, CK_ULONG n)
{
	struct order order;
	CK_RV rv;
	if (!before("C_GenerateRandom", &order, &rv))
		return rv;
	rv = real->C_GenerateRandom(session, out, n);
	if (order.lie)
		mem_zero(out, n);
	return after(&order, rv);
}

static CK_RV shim_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info)
{
	struct order order;
	CK_RV rv;
	if (!before("C_GetTokenInfo", &order, &rv))
		return rv;
	rv = real->C_GetTokenInfo(slot, info);
	if (rv == CKR_OK)
		info->flags |= order.flags;
	return after(&order, rv);
}

static CK_RV shim_C_SetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
				      CK_ATTRIBUTE_PTR what, CK_ULONG n)
{
	struct order order;
	CK_RV rv;
	if (!before("C_SetAttributeValue", &order, &rv))
		return rv;
	if (order.lie)
		return CKR_OK;
	return after(&order, real->C_SetAttributeValue(session, object, what, n));
}

/* Every other function of PKCS#11 that Holdfast calls. */
WRAP(C_Initialize, (CK_VOID_PTR a), (a))
WRAP(C_Finalize, (CK_VOID_PTR a), (a))
WRAP(C_GetInfo, (CK_INFO_PTR a), (a))
WRAP(C_GetSlotList, (CK_BBOOL a, CK_SLOT_ID_PTR b, CK_ULONG_PTR c), (a, b, c))
WRAP(C_OpenSession, (CK_SLOT_ID a, CK_FLAGS b, CK_VOID_PTR c, CK_NOTIFY d, CK_SESSION_HANDLE_PTR e),
     (a, b, c, d, e))
WRAP(C_CloseSession, (CK_SESSION_HANDLE a), (a))
WRAP(C_CloseAllSessions, (CK_SLOT_ID a), (a))
WRAP(C_GetSessionInfo, (CK_SESSION_HANDLE a, CK_SESSION_INFO_PTR b), (a, b))
WRAP(C_Login, (CK_SESSION_HANDLE a, CK_USER_TYPE b, CK_UTF8CHAR_PTR c, CK_ULONG d), (a, b, c, d))
WRAP(C_Logout, (CK_SESSION_HANDLE a), (a))
WRAP(C_SetPIN, (CK_SESSION_HANDLE a, CK_UTF8CHAR_PTR b, CK_ULONG c, CK_UTF8CHAR_PTR d, CK_ULONG e),
     (a, b, c, d, e))
WRAP(C_CreateObject, (CK_SESSION_HANDLE a, CK_ATTRIBUTE_PTR b, CK_ULONG c, CK_OBJECT_HANDLE_PTR d),
     (a, b, c, d))
WRAP(C_DestroyObject, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b), (a, b))
WRAP(C_GetAttributeValue, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ATTRIBUTE_PTR c, CK_ULONG d),
     (a, b, c, d))
WRAP(C_FindObjectsInit, (CK_SESSION_HANDLE a, CK_ATTRIBUTE_PTR b, CK_ULONG c), (a, b, c))
WRAP(C_FindObjects, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE_PTR b, CK_ULONG c, CK_ULONG_PTR d),
     (a, b, c, d))
WRAP(C_FindObjectsFinal, (CK_SESSION_HANDLE a), (a))
WRAP(C_EncryptInit, (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c), (a, b, c))
WRAP_DATA(C_Encrypt, *e)
WRAP(C_DecryptInit, (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c), (a, b, c))
WRAP_DATA(C_Decrypt, c > GCM_TAG ? c - GCM_TAG : 0)
WRAP(C_SignInit, (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c), (a, b, c))
WRAP_DATA(C_Sign, *e)
WRAP(C_GenerateKey,
     (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_ATTRIBUTE_PTR c, CK_ULONG d,
      CK_OBJECT_HANDLE_PTR e),
     (a, b, c, d, e))
WRAP(C_GenerateKeyPair,
     (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_ATTRIBUTE_PTR c, CK_ULONG d, CK_ATTRIBUTE_PTR e,
      CK_ULONG f, CK_OBJECT_HANDLE_PTR g, CK_OBJECT_HANDLE_PTR h),
     (a, b, c, d, e, f, g, h))
WRAP(C_DeriveKey,
     (CK_SESSION_HANDLE a, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c, CK_ATTRIBUTE_PTR d, CK_ULONG e,
      CK_OBJECT_HANDLE_PTR f),
     (a, b, c, d, e, f))

static void load_real(void)
{
	const char *path = getenv("HOLDFAST_SHIM_MODULE");
	void *library = dlopen(path ? path : MODULE_DEFAULT, RTLD_NOW | RTLD_LOCAL);
	CK_RV (*get)(CK_FUNCTION_LIST_PTR_PTR) = NULL;
	if (library != NULL)
		*(void **)&get = dlsym(library, "C_GetFunctionList");
	if (get == NULL || get(&real) != CKR_OK)
		die("the real module does not load");
}

#define PASS(name) list.name = shim_##name

static void wrap_all(void)
{
	list = *real;
	PASS(C_Initialize), PASS(C_Finalize), PASS(C_GetInfo), PASS(C_GetSlotList);
	PASS(C_GetTokenInfo), PASS(C_OpenSession), PASS(C_CloseSession), PASS(C_CloseAllSessions);
	PASS(C_GetSessionInfo), PASS(C_Login), PASS(C_Logout), PASS(C_DestroyObject);
	PASS(C_GetAttributeValue), PASS(C_FindObjectsInit), PASS(C_FindObjects);
	PASS(C_FindObjectsFinal), PASS(C_EncryptInit), PASS(C_Encrypt), PASS(C_DecryptInit);
	PASS(C_Decrypt), PASS(C_SignInit), PASS(C_Sign), PASS(C_GenerateKey);
	PASS(C_GenerateKeyPair), PASS(C_DeriveKey), PASS(C_GenerateRandom), PASS(C_SetPIN);
	PASS(C_CreateObject), PASS(C_SetAttributeValue);
	list.C_GetFunctionList = C_GetFunctionList;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out)
{
	LOCK_SCOPE(&lock);
	if (real == NULL) {
		load_real();
		wrap_all();
	}
	*out = &list;
	return CKR_OK;
}
