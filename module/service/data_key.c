/* SPDX-License-Identifier: Apache-2.0 */
#include "service/data_key.h"

#include "service/input.h"
#include "service/sealing.h"

const char *const data_key_audited[] = {
	"KeyId", "EncryptionContext", "KeySpec", "NumberOfBytes", "DryRun", NULL};

/* KMS API: DataKeySpec. */
static size_t spec_length(struct view spec)
{
	return view_equal_text(spec, "AES_128") ? 16 : 32;
}

NODISCARD struct err data_key_decode(struct call_work *work)
{
	TRY(input_refuse_member(work, "Recipient"));
	bool spec = input_member(work, "KeySpec") != NULL;
	bool number = input_member(work, "NumberOfBytes") != NULL;
	if (spec == number)
		return work_refuse(work, ERR(E_VALIDATION),
				   "Please specify either number of bytes or key spec.");
	work->in.length = spec ? spec_length(input_text(work, "KeySpec"))
			       : (size_t)input_integer(work, "NumberOfBytes", 0);
	return OK;
}

NODISCARD struct err data_key_execute(struct call_work *work, bool want_plaintext)
{
	TRY(sealing_to(work, 0));
	work->op.verb = HSM_GENERATE_SEALED;
	work->op.length = work->in.length;
	/* P2: of a dry run nothing is handed out, so nothing crosses to this process. */
	work->op.want_plaintext = want_plaintext && !work->in.dry_run;
	return OK;
}

NODISCARD struct err data_key_finish(struct call_work *work)
{
	return sealing_finish(work, 0);
}

void data_key_encode(struct call_work *work, struct json_out *out)
{
	json_out_base64(out, "CiphertextBlob", buf_view(&work->out.ciphertext));
	sealing_write_key(work, 0, "KeyId", out);
	sealing_write_material(work, 0, "KeyMaterialId", out);
	if (work->op.plaintext_out != NULL)
		json_out_base64(out, "Plaintext", secret_view(work->op.plaintext_out));
}
