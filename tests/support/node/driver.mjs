// SPDX-License-Identifier: Apache-2.0
// Drives the AWS SDK for JavaScript for a test in another language. One JSON object a line:
//   in   {"operation": "Encrypt", "input": {...}, "blobs": ["Plaintext"], "pages": false}
//   out  {"output": {...}} or {"error": {"name": ..., "message": ..., "status": 400}}
// Blobs are Base64 in both directions, times are ISO text. With "pages" the SDK's own paginator
// fetches every page of `input`, and the output is the list of pages.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// The packages lie in build/node, which is where the test starts this file.
const kms = createRequire(process.cwd() + "/package.json")("@aws-sdk/client-kms");
const client = new kms.KMSClient({ endpoint: process.env.KMS_ENDPOINT, maxAttempts: 1 });

function plain(value) {
	if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
	if (value instanceof Date) return value.toISOString();
	if (Array.isArray(value)) return value.map(plain);
	if (value === null || typeof value !== "object") return value;
	const members = Object.entries(value).filter(([name, v]) => name !== "$metadata" && v !== undefined);
	return Object.fromEntries(members.map(([name, v]) => [name, plain(v)]));
}

function prepared({ input = {}, blobs = [] }) {
	const out = { ...input };
	for (const name of blobs) out[name] = Buffer.from(out[name], "base64");
	return out;
}

async function pages(request) {
	const found = [];
	const paginate = kms[`paginate${request.operation}`];
	const pageSize = request.pageSize;
	for await (const page of paginate({ client, pageSize }, prepared(request))) found.push(plain(page));
	return found;
}

async function answer(request) {
	try {
		if (request.pages) return { output: await pages(request) };
		const command = new kms[`${request.operation}Command`](prepared(request));
		const reply = await client.send(command);
		return { output: plain(reply), request_id: reply.$metadata.requestId };
	} catch (error) {
		const status = error.$metadata?.httpStatusCode;
		return { error: { name: error.name, message: error.message, status } };
	}
}

for await (const line of createInterface({ input: process.stdin }))
	process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
