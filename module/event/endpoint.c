/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, with nothing left to the environment: no proxy, no redirects, no other protocols than
 * http and https, certificates always checked. What the endpoint says in its body is thrown away.
 */
#include "event/endpoint.h"

#include <curl/curl.h>
#include <pthread.h>

#include "base/ascii.h"
#include "base/mem.h"
#include "base/text.h"
#include "event/token_file.h"

#define BODY_BYTES_MAX ((size_t)64 << 10)
#define HEADER_MAX 128
#define MS_PER_S 1000
#define RETRY_AFTER_S_MAX 300
#define CONNECTION_IDLE_S 60

struct endpoint {
	CURL *curl;
	char *url, *ca_file, *token_file;
	uint32_t timeout_ms;
	const atomic_bool *stop;
};

/* ---- which URLs ---- */

static void free_url(CURLU **url)
{
	curl_url_cleanup(*url);
}

static void free_part(char **part)
{
	curl_free(*part);
}

/* An address, and not a name that only begins as one does. */
static bool is_dotted(const char *host)
{
	return ascii_consists_of(view_of_text(host), ASCII_DIGIT, VIEW_LITERAL("."));
}

/* RFC 6761 §6.3: localhost is never asked for outside; libcurl does not ask for it at all. */
static bool is_loopback(const char *host)
{
	return text_equal(host, "localhost") || text_equal(host, "[::1]") ||
	       (view_starts_with(view_of_text(host), VIEW_LITERAL("127.")) && is_dotted(host));
}

static bool stays_here(CURLU *url)
{
	CLEANUP(free_part) char *host = NULL;
	if (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return false;
	return is_loopback(host);
}

static bool has_part(CURLU *url, CURLUPart part)
{
	CLEANUP(free_part) char *text = NULL;
	return curl_url_get(url, part, &text, 0) == CURLUE_OK;
}

const char *endpoint_fault(const char *text, const char *token_file)
{
	CLEANUP(free_url) CURLU *url = curl_url();
	CLEANUP(free_part) char *scheme = NULL;
	if (url == NULL || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return "url is not a URL; write it as https://host/path";
	if (!text_equal(scheme, "https") && !text_equal(scheme, "http"))
		return "url must begin with https:// or http://";
	if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
		return "url carries a user or password; take it out, and name a file with a bearer "
		       "token in token_file";
	bool token = token_file != NULL && token_file[0] != '\0';
	if (token && text_equal(scheme, "http") && !stays_here(url))
		return "token_file would send its token in the clear to another machine; write the "
		       "url with https://";
	return NULL;
}

/* ---- life ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool started;

static void start(void)
{
	started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static struct err copy(const char *text, char **out)
{
	return text != NULL && text[0] != '\0' ? text_new(view_of_text(text), out) : OK;
}

NODISCARD struct err endpoint_open(const struct endpoint_options *options, struct endpoint **out)
{
	CLEANUP(endpoint_close) struct endpoint *endpoint = NULL;
	(void)pthread_once(&once, start);
	REQUIRE(started, E_NOMEM);
	REQUIRE(endpoint_fault(options->url, options->token_file) == NULL, E_SETTINGS);
	TRY(MEM_NEW(&endpoint));
	endpoint->timeout_ms = options->timeout_ms;
	endpoint->stop = options->stop;
	TRY(copy(options->url, &endpoint->url));
	TRY(copy(options->ca_file, &endpoint->ca_file));
	TRY(copy(options->token_file, &endpoint->token_file));
	endpoint->curl = curl_easy_init();
	REQUIRE(endpoint->curl != NULL, E_NOMEM);
	*out = TAKE(endpoint);
	return OK;
}

void endpoint_close(struct endpoint **endpoint)
{
	if (*endpoint == NULL)
		return;
	curl_easy_cleanup((*endpoint)->curl);
	mem_free((*endpoint)->url);
	mem_free((*endpoint)->ca_file);
	mem_free((*endpoint)->token_file);
	mem_free(TAKE(*endpoint));
}

/* ---- one request ---- */

struct request {
	struct endpoint *endpoint;
	struct secret *token;               /* the header with the bearer token; NULL: none */
	char key[HEADER_MAX];               /* Idempotency-Key */
	struct curl_slist fixed[4], bearer; /* our own, so that libcurl keeps no copies */
	size_t body_bytes;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
	(void)bytes;
	struct request *request = user;
	request->body_bytes += size * count;
	return request->body_bytes <= BODY_BYTES_MAX ? size * count : 0;
}

static int on_progress(void *user, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
		       curl_off_t up)
{
	(void)down_all, (void)down, (void)up_all, (void)up;
	const struct request *request = user;
	return atomic_load(request->endpoint->stop) ? 1 : 0;
}

/* draft-ietf-httpapi-idempotency-key-header: its value is a string of RFC 8941, in quotes. */
static struct err make_headers(struct request *r, const char *id)
{
	static char type[] = "Content-Type: application/json", expect[] = "Expect:";
	static char agent[] = "User-Agent: Holdfast/" HOLDFAST_VERSION;
	TRY(text_format(r->key, sizeof r->key, "Idempotency-Key: \"%s\"", id));
	char *const lines[] = {type, expect, agent, r->key};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct curl_slist *next = i + 1 < ARRAY_LEN(lines) ? &r->fixed[i + 1] : NULL;
		if (next == NULL && r->token != NULL)
			next = &r->bearer;
		r->fixed[i] = (struct curl_slist){lines[i], next};
	}
	if (r->token != NULL)
		r->bearer = (struct curl_slist){(char *)r->token->ptr, NULL};
	return OK;
}

static bool set_place(CURL *c, const struct endpoint *e)
{
	return curl_easy_setopt(c, CURLOPT_URL, e->url) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, (long)CONNECTION_IDLE_S) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)e->timeout_ms) == CURLE_OK;
}

static bool set_trust(CURL *c, const struct endpoint *e)
{
	bool own = e->ca_file != NULL;
	return curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
	       /* With authorities of its own, no other is trusted. */
	       (!own || (curl_easy_setopt(c, CURLOPT_CAINFO, e->ca_file) == CURLE_OK &&
			 curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK));
}

static bool set_request(CURL *c, struct request *r, const char *line)
{
	return curl_easy_setopt(c, CURLOPT_HTTPHEADER, r->fixed) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_POSTFIELDS, line) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEDATA, r) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_XFERINFODATA, r) == CURLE_OK;
}

static const struct {
	long least, most;
	enum endpoint_verdict verdict;
} verdicts[] = {
	{200, 299, ENDPOINT_TAKEN},
	/* About us, or about the moment, and not about the event: EventBridge sends again at 401,
	 * 407 and 409, too; a token is often changed there before it is changed here. */
	{401, 401, ENDPOINT_AGAIN},
	{407, 409, ENDPOINT_AGAIN},
	{425, 425, ENDPOINT_AGAIN},
	{429, 429, ENDPOINT_AGAIN},
	{400, 499, ENDPOINT_REFUSED},
};

enum endpoint_verdict endpoint_verdict_of(long status)
{
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
		if (status >= verdicts[i].least && status <= verdicts[i].most)
			return verdicts[i].verdict;
	return ENDPOINT_AGAIN;
}

static void say(struct endpoint_answer *out, const char *text)
{
	struct view cut = view_part(view_of_text(text), 0, sizeof out->said - 1);
	(void)!err_failed(text_copy(out->said, sizeof out->said, cut));
}

static void judge(CURL *curl, CURLcode code, const char *why, struct endpoint_answer *out)
{
	long status = 0;
	curl_off_t after_s = 0;
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &after_s);
	/* A body that is too long ends the request; the status was there before it. */
	if ((code != CURLE_OK && code != CURLE_WRITE_ERROR) || status == 0) {
		say(out, why[0] != '\0' ? why : curl_easy_strerror(code));
		return;
	}
	out->verdict = endpoint_verdict_of(status);
	out->pause_ms =
		(uint32_t)(MAX_OF(MIN_OF(after_s, (curl_off_t)RETRY_AFTER_S_MAX), 0) * MS_PER_S);
	(void)!err_failed(text_format(
		out->said, sizeof out->said, "it answers HTTP status %ld%s", status,
		status >= 300 && status < 400 ? ", a redirect, which is not followed" : ""));
}

static void perform(struct request *request, const char *line, struct endpoint_answer *out)
{
	char why[CURL_ERROR_SIZE] = "";
	CURL *c = request->endpoint->curl;
	curl_easy_reset(c); /* connections are kept */
	if (!set_place(c, request->endpoint) || !set_trust(c, request->endpoint) ||
	    !set_request(c, request, line) ||
	    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why) != CURLE_OK) {
		say(out, "libcurl does not take its options");
		return;
	}
	CURLcode code = curl_easy_perform(c);
	judge(c, code, why, out);
	curl_easy_reset(c); /* nothing of this frame stays with it */
}

void endpoint_send(struct endpoint *endpoint, const char *id, const char *line,
		   struct endpoint_answer *out)
{
	struct request request = {.endpoint = endpoint};
	CLEANUP(secret_free) struct secret *token = NULL;
	*out = (struct endpoint_answer){.verdict = ENDPOINT_AGAIN};
	const char *fault = NULL;
	struct err e = endpoint->token_file != NULL
			       ? token_file_read(endpoint->token_file, &token, &fault)
			       : OK;
	if (err_failed(e)) {
		say(out, fault != NULL ? fault : err_meaning(e));
		return;
	}
	request.token = token;
	if (err_failed(make_headers(&request, id)))
		say(out, "the event's id is too long");
	else
		perform(&request, line, out);
}

const char *event_endpoint_library(void)
{
	return curl_version_info(CURLVERSION_NOW)->version;
}
