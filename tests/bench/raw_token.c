/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the token itself can do, with nothing around it: a loop of C_EncryptInit and C_Encrypt
 * (AES-256-GCM, 32 bytes, a context of 32 bytes) under a token object and under a session object,
 * on one thread and on two. The measure that the daemon's figures are divided by; see
 * tests/bench/run.
 *
 *   raw_token MODULE TOKEN-LABEL PIN-FILE SECONDS
 *
 * Prints one line of JSON: operations per second of each case.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define SLOTS_MAX 64
#define THREADS_MAX 2
#define PIN_MAX 256

static CK_FUNCTION_LIST *p11;
static CK_SLOT_ID slot;
static atomic_bool stop;

static void must(CK_RV rv, const char *what)
{
	if (rv == CKR_OK)
		return;
	(void)fprintf(stderr, "raw_token: %s failed with CKR 0x%lx\n", what, rv);
	exit(1);
}

static void load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get =
		library ? (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList") : NULL;
	if (get == NULL) {
		(void)fprintf(stderr, "raw_token: cannot load %s\n", path);
		exit(1);
	}
	must(get(&p11), "C_GetFunctionList");
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
	must(p11->C_Initialize(&args), "C_Initialize");
}

static void find_slot(const char *label)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX;
	must(p11->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
	for (CK_ULONG i = 0; i < count; i++) {
		CK_TOKEN_INFO info;
		must(p11->C_GetTokenInfo(slots[i], &info), "C_GetTokenInfo");
		if (strncmp((const char *)info.label, label, strlen(label)) == 0) {
			slot = slots[i];
			return;
		}
	}
	(void)fprintf(stderr, "raw_token: no token labelled %s\n", label);
	exit(1);
}

static CK_SESSION_HANDLE open_session(void)
{
	CK_SESSION_HANDLE session = 0;
	must(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
	     "C_OpenSession");
	return session;
}

static void login(CK_SESSION_HANDLE session, const char *pin_file)
{
	char pin[PIN_MAX] = "";
	FILE *file = fopen(pin_file, "r");
	if (file == NULL || fgets(pin, sizeof pin, file) == NULL) {
		(void)fprintf(stderr, "raw_token: cannot read %s\n", pin_file);
		exit(1);
	}
	(void)fclose(file);
	pin[strcspn(pin, "\n")] = '\0';
	must(p11->C_Login(session, CKU_USER, (CK_BYTE *)pin, strlen(pin)), "C_Login");
	explicit_bzero(pin, sizeof pin);
}

static CK_OBJECT_HANDLE generate(CK_SESSION_HANDLE session, CK_BBOOL on_token)
{
	CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL no = CK_FALSE;
	CK_ULONG length = 32;
	CK_ATTRIBUTE template[] = {
		{CKA_TOKEN, &on_token, sizeof on_token}, {CKA_PRIVATE, &yes, sizeof yes},
		{CKA_SENSITIVE, &yes, sizeof yes},       {CKA_EXTRACTABLE, &no, sizeof no},
		{CKA_ENCRYPT, &yes, sizeof yes},         {CKA_VALUE_LEN, &length, sizeof length},
	};
	CK_OBJECT_HANDLE key = 0;
	must(p11->C_GenerateKey(session, &mechanism, template, sizeof template / sizeof template[0],
				&key),
	     "C_GenerateKey");
	return key;
}

struct lane {
	pthread_t thread;
	CK_OBJECT_HANDLE key;
	unsigned long done;
};

static void *run_lane(void *arg)
{
	struct lane *lane = (struct lane *)arg;
	CK_SESSION_HANDLE session = open_session();
	CK_BYTE iv[12] = {0};
	CK_BYTE aad[32] = {1};
	CK_BYTE plain[32] = {2};
	CK_BYTE sealed[64];
	while (!atomic_load(&stop)) {
		memcpy(iv, &lane->done, sizeof lane->done);
		CK_GCM_PARAMS params = {iv, sizeof iv, sizeof iv * 8, aad, sizeof aad, 128};
		CK_MECHANISM mechanism = {CKM_AES_GCM, &params, sizeof params};
		CK_ULONG len = sizeof sealed;
		must(p11->C_EncryptInit(session, &mechanism, lane->key), "C_EncryptInit");
		must(p11->C_Encrypt(session, plain, sizeof plain, sealed, &len), "C_Encrypt");
		lane->done++;
	}
	must(p11->C_CloseSession(session), "C_CloseSession");
	return NULL;
}

static double rate(CK_OBJECT_HANDLE key, int threads, int seconds)
{
	struct lane lanes[THREADS_MAX] = {0};
	atomic_store(&stop, false);
	int64_t start = clock_steady_ms(&clock_system);
	for (int i = 0; i < threads; i++) {
		lanes[i].key = key;
		(void)pthread_create(&lanes[i].thread, NULL, run_lane, &lanes[i]);
	}
	while (clock_steady_ms(&clock_system) - start < (int64_t)seconds * 1000)
		(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	atomic_store(&stop, true);
	unsigned long total = 0;
	for (int i = 0; i < threads; i++) {
		(void)pthread_join(lanes[i].thread, NULL);
		total += lanes[i].done;
	}
	return (double)total * 1000.0 / (double)(clock_steady_ms(&clock_system) - start);
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		(void)fprintf(stderr, "usage: raw_token MODULE TOKEN-LABEL PIN-FILE SECONDS\n");
		return 64;
	}
	int seconds = atoi(argv[4]);
	load(argv[1]);
	find_slot(argv[2]);
	CK_SESSION_HANDLE holder = open_session();
	login(holder, argv[3]);
	CK_OBJECT_HANDLE stored = generate(holder, CK_TRUE);
	CK_OBJECT_HANDLE held = generate(holder, CK_FALSE);
	printf("{\"token_object_1\": %.0f, ", rate(stored, 1, seconds));
	printf("\"session_object_1\": %.0f, ", rate(held, 1, seconds));
	printf("\"session_object_2\": %.0f}\n", rate(held, 2, seconds));
	must(p11->C_DestroyObject(holder, stored), "C_DestroyObject");
	return p11->C_Finalize(NULL) == CKR_OK ? 0 : 1;
}
