/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/arguments.h"

#include <getopt.h>

#include "auth/identity.h"
#include "base/ascii.h"
#include "base/text.h"
#include "base/writer.h"
#include "config/settings.h"

#define REGION_MAX 32
#define NAME_MAX_CHARS 64
#define ACCOUNT_DIGITS 12
#define CODE_GROUPS 4
#define CODE_GROUP_LEN 4

const char arguments_help[] =
	"Usage: holdfastd [--config FILE]\n"
	"       holdfastd [--config FILE] --check\n"
	"       holdfastd [--config FILE] --init --region REGION --account ACCOUNT\n"
	"                 --credentials FILE [--partition PARTITION] [--administrator NAME]\n"
	"       holdfastd [--config FILE] --recover [--restore FILE] [--accept CODE]\n"
	"                 [--accept-token] [--discard-refused] [--json]\n"
	"\n"
	"The key management service: speaks the AWS KMS protocol, keeps its keys in the token "
	"behind\n"
	"holdfast-token. Runs in the foreground and logs to standard error.\n"
	"\n"
	"  --config FILE         settings (default: " SETTINGS_PATH_DEFAULT ")\n"
	"  --check               read the settings, say what is wrong with them, open nothing, "
	"end\n"
	"  --init                make the service's own keys on the token, the store, the account "
	"and\n"
	"                        its administrator; once per installation. Needs holdfast-token\n"
	"                        running. Interrupted, it is run again with another --credentials\n"
	"  --region REGION       the Region that this installation is, for example eu-central-1\n"
	"  --account ACCOUNT     the account, 12 digits\n"
	"  --credentials FILE    a new file for the administrator's access key, in the form of\n"
	"                        ~/.aws/credentials; the secret is written there and nowhere else\n"
	"  --partition PARTITION in ARNs: aws, aws-cn or aws-us-gov (default: aws)\n"
	"  --administrator NAME  name of the administrator's user (default: administrator)\n"
	"  --recover             with the service stopped: say whether store, token and audit log "
	"fit\n"
	"                        together, and what does not. Changes nothing. Exit status 0: they "
	"do;\n"
	"                        1: rows are refused; 2: it does not start until this is accepted\n"
	"  --restore FILE        the same with a backup (holdfast backup) in the place of the "
	"store\n"
	"  --accept CODE         take it as the report with this code describes it; the store that "
	"was\n"
	"                        is kept beside the new one. See holdfast-recovery(7) first\n"
	"  --accept-token        let this token be the installation's: a copy or clone of it, "
	"with\n"
	"                        another serial number\n"
	"  --discard-refused     remove the rows that do not carry their seal; the log names each\n"
	"  --json                the report as JSON\n"
	"  --version, --help\n"
	"\n"
	"Signals: SIGTERM and SIGINT finish what is under way and end. SIGHUP reads the settings\n"
	"and the files of [tls] again: a wrong one changes nothing, and the log names what waits\n"
	"for a restart.\n"
	"\n";

enum option_id {
	OPTION_CONFIG = 1,
	OPTION_REGION,
	OPTION_ACCOUNT,
	OPTION_PARTITION,
	OPTION_ADMINISTRATOR,
	OPTION_CREDENTIALS,
	OPTION_CHECK,
	OPTION_INIT,
	OPTION_RECOVER,
	OPTION_RESTORE,
	OPTION_ACCEPT,
	OPTION_ACCEPT_TOKEN,
	OPTION_DISCARD_REFUSED,
	OPTION_JSON,
	OPTION_HELP,
	OPTION_VERSION
};

static const struct option options[] = {
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"region", required_argument, NULL, OPTION_REGION},
	{"account", required_argument, NULL, OPTION_ACCOUNT},
	{"partition", required_argument, NULL, OPTION_PARTITION},
	{"administrator", required_argument, NULL, OPTION_ADMINISTRATOR},
	{"credentials", required_argument, NULL, OPTION_CREDENTIALS},
	{"check", no_argument, NULL, OPTION_CHECK},
	{"init", no_argument, NULL, OPTION_INIT},
	{"recover", no_argument, NULL, OPTION_RECOVER},
	{"restore", required_argument, NULL, OPTION_RESTORE},
	{"accept", required_argument, NULL, OPTION_ACCEPT},
	{"accept-token", no_argument, NULL, OPTION_ACCEPT_TOKEN},
	{"discard-refused", no_argument, NULL, OPTION_DISCARD_REFUSED},
	{"json", no_argument, NULL, OPTION_JSON},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
	{NULL, 0, NULL, 0},
};

/* A wrong command line; the message is cut rather than lost. */
static struct err wrong(char message[ARGUMENTS_MESSAGE_MAX], const char *what, const char *value)
{
	struct writer w;
	writer_init(&w, message, ARGUMENTS_MESSAGE_MAX - 1);
	writer_text(&w, what);
	struct view shown = view_part(view_of_text(value), 0, ARGUMENTS_MESSAGE_MAX / 2);
	writer_bytes(&w, shown);
	message[w.len] = '\0';
	return ERR(E_USAGE);
}

static bool is_region(const char *text)
{
	struct view region = view_of_text(text);
	return region.len <= REGION_MAX && ascii_is((uint8_t)text[0], ASCII_LOWER) &&
	       ascii_consists_of(region, ASCII_LOWER | ASCII_DIGIT, VIEW_LITERAL("-"));
}

static bool is_name(const char *text)
{
	struct view name = view_of_text(text);
	return name.len <= NAME_MAX_CHARS &&
	       ascii_consists_of(name, ASCII_ALPHANUMERIC, VIEW_LITERAL("_+=,.@-"));
}

static bool is_account(const char *text)
{
	int64_t number = 0;
	struct view all = view_of_text(text);
	return all.len == ACCOUNT_DIGITS &&
	       !err_failed(text_parse_integer(all, 0, INT64_MAX, &number));
}

static struct err check_init(const struct arguments *a, char message[ARGUMENTS_MESSAGE_MAX])
{
	char arn[AUTH_ARN_MAX + 1];
	if (a->region == NULL || a->account == NULL || a->credentials == NULL)
		return wrong(message, "--init needs --region, --account and --credentials", "");
	if (!is_region(a->region))
		return wrong(message,
			     "--region takes lower-case letters, digits and hyphens, for example "
			     "eu-central-1; not ",
			     a->region);
	if (!is_account(a->account))
		return wrong(message, "--account takes 12 digits; not ", a->account);
	/* The account is checked: what is wrong with the ARN of its root is the partition. */
	if (err_failed(auth_arn_format(AUTH_KIND_ACCOUNT, a->partition, "", a->account, arn)))
		return wrong(message, "--partition takes aws, aws-cn or aws-us-gov; not ",
			     a->partition);
	if (!is_name(a->administrator))
		return wrong(message,
			     "--administrator takes up to 64 letters, digits and _+=,.@-; not ",
			     a->administrator);
	return OK;
}

static struct err set_mode(struct arguments *a, enum arguments_mode mode,
			   char message[ARGUMENTS_MESSAGE_MAX])
{
	if (a->mode != ARGUMENTS_SERVE)
		return wrong(message,
			     "--check, --init, --recover, --help and --version exclude each other",
			     "");
	a->mode = mode;
	return OK;
}

/* The form in which a report shows it. */
static bool is_code(const char *text)
{
	struct view rest = view_of_text(text);
	unsigned groups = 0;
	for (; rest.ptr != NULL; groups++) {
		struct view group = view_cut(&rest, '-');
		for (size_t i = 0; i < group.len; i++)
			if (!(group.ptr[i] >= '0' && group.ptr[i] <= '9') &&
			    !(group.ptr[i] >= 'a' && group.ptr[i] <= 'f'))
				return false;
		if (group.len != CODE_GROUP_LEN)
			return false;
	}
	return groups == CODE_GROUPS;
}

static struct err check_recover(const struct arguments *a, char message[ARGUMENTS_MESSAGE_MAX])
{
	if (a->accept != NULL && !is_code(a->accept))
		return wrong(message,
			     "--accept takes the code that the report ends with, for example "
			     "0123-4567-89ab-cdef; not ",
			     a->accept);
	if (a->discard_refused && a->accept == NULL)
		return wrong(message, "--discard-refused needs --accept", "");
	return OK;
}

/* An option that takes no value, and chooses no mode. */
static struct err take_flag(struct arguments *a, int id)
{
	bool *flags[] = {
		[OPTION_ACCEPT_TOKEN] = &a->accept_token,
		[OPTION_DISCARD_REFUSED] = &a->discard_refused,
		[OPTION_JSON] = &a->json,
	};
	*flags[id] = true;
	return OK;
}

static struct err take(struct arguments *a, int id, const char *value,
		       char message[ARGUMENTS_MESSAGE_MAX])
{
	const char **texts[] = {
		[OPTION_CONFIG] = &a->config,
		[OPTION_REGION] = &a->region,
		[OPTION_ACCOUNT] = &a->account,
		[OPTION_PARTITION] = &a->partition,
		[OPTION_ADMINISTRATOR] = &a->administrator,
		[OPTION_CREDENTIALS] = &a->credentials,
		[OPTION_RESTORE] = &a->restore,
		[OPTION_ACCEPT] = &a->accept,
	};
	switch (id) {
	case OPTION_CHECK:
		return set_mode(a, ARGUMENTS_CHECK, message);
	case OPTION_INIT:
		return set_mode(a, ARGUMENTS_INIT, message);
	case OPTION_RECOVER:
		return set_mode(a, ARGUMENTS_RECOVER, message);
	case OPTION_ACCEPT_TOKEN:
	case OPTION_DISCARD_REFUSED:
	case OPTION_JSON:
		return take_flag(a, id);
	case OPTION_HELP:
		return set_mode(a, ARGUMENTS_HELP, message);
	case OPTION_VERSION:
		return set_mode(a, ARGUMENTS_VERSION, message);
	default:
		*texts[id] = value;
		return OK;
	}
}

/* What hangs on a mode, now that it is known. */
static struct err check_mode(struct arguments *a, char message[ARGUMENTS_MESSAGE_MAX])
{
	bool recovers = a->accept != NULL || a->accept_token || a->discard_refused || a->json;
	if (a->mode != ARGUMENTS_INIT && (a->region || a->account || a->credentials))
		return wrong(message, "--region, --account and --credentials belong to --init", "");
	/* holdfastd --restore FILE says enough. */
	if (a->mode == ARGUMENTS_SERVE && a->restore != NULL)
		a->mode = ARGUMENTS_RECOVER;
	if (a->mode != ARGUMENTS_RECOVER && (recovers || a->restore != NULL))
		return wrong(message,
			     "--restore, --accept, --accept-token, --discard-refused and --json "
			     "belong to --recover",
			     "");
	if (a->mode == ARGUMENTS_RECOVER)
		return check_recover(a, message);
	return a->mode == ARGUMENTS_INIT ? check_init(a, message) : OK;
}

NODISCARD struct err arguments_parse(int argc, char **argv, struct arguments *out,
				     char message[ARGUMENTS_MESSAGE_MAX])
{
	*out = (struct arguments){.config = SETTINGS_PATH_DEFAULT,
				  .partition = "aws",
				  .administrator = "administrator"};
	message[0] = '\0';
	optind = 0; /* glibc: start over */
	opterr = 0;
	for (;;) {
		int at = optind > 0 ? optind : 1;
		int id = getopt_long(argc, argv, ":", options, NULL);
		if (id == -1)
			break;
		if (id == ':')
			return wrong(message, "a value must follow ", argv[at]);
		if (id == '?')
			return wrong(message,
				     "there is no such option, or it takes no value: ", argv[at]);
		TRY(take(out, id, optarg, message));
	}
	if (optind < argc)
		return wrong(message, "nothing but options is taken; not ", argv[optind]);
	return check_mode(out, message);
}
