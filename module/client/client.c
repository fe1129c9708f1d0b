/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/writer.h"

#define TIMEOUT_MS 10000
#define HEADER_MAX 1024
#define URL_MAX 1024
#define CONTENT_TYPE "application/x-amz-json-1.1"
#define LOCAL_URL "http://localhost/"

struct client {
	CURL *curl;
	char *socket_path; /* NULL: by endpoint */
	char url[URL_MAX];
	struct view host; /* part of url: what the Host header will say */
	const struct signer *signer;
	uint32_t timeout_ms;
};

static void free_list(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static bool given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* The endpoint with exactly one slash at its end; scheme and host alone. */
static struct err set_endpoint(struct client *client, const char *endpoint)
{
	struct view rest = view_of_text(endpoint);
	size_t scheme = view_starts_with(rest, VIEW_LITERAL("https://"))  ? 8
			: view_starts_with(rest, VIEW_LITERAL("http://")) ? 7
									  : 0;
	REQUIRE(scheme > 0, E_USAGE);
	struct view host = view_part(rest, scheme, rest.len);
	if (host.len > 0 && host.ptr[host.len - 1] == '/')
		host.len--;
	REQUIRE(host.len > 0 && view_find(host, '/') == host.len &&
			view_find(host, '@') == host.len,
		E_USAGE);
	TRY(text_format(client->url, sizeof client->url, "%.*s%.*s/", (int)scheme, endpoint,
			(int)host.len, (const char *)host.ptr));
	client->host = view_of(client->url + scheme, host.len);
	return OK;
}

NODISCARD struct err client_open(const struct client_options *options, struct client **out)
{
	*out = NULL;
	REQUIRE(given(options->socket_path) != given(options->endpoint), E_USAGE);
	CLEANUP(client_close) struct client *client = NULL;
	TRY(MEM_NEW(&client));
	client->timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS;
	client->signer = options->signer;
	if (given(options->socket_path)) {
		TRY(text_new(view_of_text(options->socket_path), &client->socket_path));
		TRY(text_copy(client->url, sizeof client->url, VIEW_LITERAL(LOCAL_URL)));
	} else {
		TRY(set_endpoint(client, options->endpoint));
	}
	REQUIRE(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, E_NOMEM);
	client->curl = curl_easy_init();
	REQUIRE(client->curl != NULL, E_NOMEM);
	*out = TAKE(client);
	return OK;
}

void client_close(struct client **at)
{
	struct client *client = *at;
	if (client == NULL)
		return;
	if (client->curl != NULL)
		curl_easy_cleanup(client->curl);
	mem_free(client->socket_path);
	mem_free(TAKE(*at));
}

void client_reply_cleanup(struct client_reply *reply)
{
	buf_cleanup(&reply->body);
}

/* ---- one call ---- */

static struct err add_header(struct curl_slist **list, const char *name, struct view value)
{
	char line[HEADER_MAX];
	TRY(text_format(line, sizeof line, "%s: %.*s", name, (int)value.len,
			(const char *)value.ptr));
	struct curl_slist *longer = curl_slist_append(*list, line);
	REQUIRE(longer != NULL, E_NOMEM);
	*list = longer;
	return OK;
}

static struct err make_headers(const struct client *client, struct view target, struct view body,
			       struct curl_slist **list)
{
	TRY(add_header(list, "Content-Type", VIEW_LITERAL(CONTENT_TYPE)));
	TRY(add_header(list, "X-Amz-Target", target));
	TRY(add_header(list, "Expect", VIEW_NONE));
	TRY(add_header(list, "User-Agent", VIEW_LITERAL("holdfast/" HOLDFAST_VERSION)));
	if (client->signer == NULL)
		return OK;
	struct signer_headers signed_headers;
	TRY(signer_sign(client->signer,
			&(struct signer_request){.host = client->host,
						 .path = VIEW_LITERAL("/"),
						 .content_type = VIEW_LITERAL(CONTENT_TYPE),
						 .target = target,
						 .body = body,
						 .now_ms = clock_real_ms(&clock_system)},
			&signed_headers));
	TRY(add_header(list, "X-Amz-Date", view_of_text(signed_headers.date)));
	return add_header(list, "Authorization", view_of_text(signed_headers.authorization));
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
	struct client_reply *reply = user;
	return err_failed(buf_append(&reply->body, view_of(bytes, size * count))) ? 0
										  : size * count;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *user)
{
	struct client_reply *reply = user;
	struct view value = view_of(bytes, size * count);
	struct view name = view_cut(&value, ':');
	value = view_part(value, 0, view_find(value, '\r'));
	if (view_equal_ignore_case(name, VIEW_LITERAL("x-amzn-RequestId")) &&
	    err_failed(text_copy(reply->request_id, sizeof reply->request_id, view_trim(value))))
		reply->request_id[0] = '\0';
	return size * count;
}

static struct err of_curl(const struct client *client, CURLcode code)
{
	switch ((int)code) {
	case CURLE_OK:
		return OK;
	case CURLE_WRITE_ERROR:
		return ERR(E_BOUNDS);
	case CURLE_OUT_OF_MEMORY:
		return ERR(E_NOMEM);
	default:
		break;
	}
	if (client->socket_path != NULL && access(client->socket_path, W_OK) != 0 &&
	    errno == EACCES)
		return ERR(E_ACCESS_DENIED);
	return ERR_DETAIL(E_SERVICE_AWAY, code);
}

/* Nothing that the environment or a reply says leads the request elsewhere. */
static bool set_options(struct client *client, struct view body, struct curl_slist *headers,
			struct client_reply *reply)
{
	CURL *c = client->curl;
	curl_easy_reset(c);
	return curl_easy_setopt(c, CURLOPT_URL, client->url) == CURLE_OK &&
	       (client->socket_path == NULL ||
		curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, client->socket_path) == CURLE_OK) &&
	       curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)client->timeout_ms) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.len ? (const char *)body.ptr : "") ==
		       CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEDATA, reply) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HEADERDATA, reply) == CURLE_OK;
}

/* libcurl tells of the port of a URL that a socket has not. */
static const char *why_closed(const char *socket_path)
{
	return access(socket_path, W_OK) == 0 ? "nobody listens there" : strerrordesc_np(errno);
}

static struct err perform(struct client *client, struct client_reply *reply,
			  char message[CLIENT_MESSAGE_MAX])
{
	char said[CURL_ERROR_SIZE] = "";
	REQUIRE(curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, said) == CURLE_OK, E_BUG);
	CURLcode code = curl_easy_perform(client->curl);
	REQUIRE(curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, NULL) == CURLE_OK, E_BUG);
	const char *why = code == CURLE_COULDNT_CONNECT && client->socket_path != NULL
				  ? why_closed(client->socket_path)
				  : said;
	TRY(text_copy(message, CLIENT_MESSAGE_MAX,
		      view_part(view_of_text(why), 0, CLIENT_MESSAGE_MAX - 1)));
	TRY(of_curl(client, code));
	long status = 0;
	REQUIRE(curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK,
		E_BUG);
	reply->status = (uint16_t)status;
	return OK;
}

NODISCARD struct err client_call(struct client *client, const char *target, struct view body,
				 struct client_reply *reply, char message[CLIENT_MESSAGE_MAX])
{
	*reply = (struct client_reply){0};
	buf_init(&reply->body, CLIENT_REPLY_MAX);
	message[0] = '\0';
	CLEANUP(free_list) struct curl_slist *headers = NULL;
	TRY(make_headers(client, view_of_text(target), body, &headers));
	REQUIRE(set_options(client, body, headers, reply), E_BUG);
	struct err result = perform(client, reply, message);
	if (err_failed(result))
		client_reply_cleanup(reply);
	return result;
}
