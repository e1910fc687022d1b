import {
  Agent as HttpAgent,
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { rootCertificates } from "node:tls";
import type { Failure } from "../../core/failure/failure.ts";
import { hostNotReady } from "../../core/failure/frequent-failures.ts";
import { messageOf } from "../../core/failure/message-of.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { parseJson } from "../../core/primitives/parse-json.ts";
import type { InstanceMetadata, InstanceMetadataService } from "../../ports/cloud/instance-metadata.ts";
import { parseInstanceDocument } from "./parse-instance-document.ts";

/** How to reach the service. */
export interface InstanceMetadataOptions {
  /**
   * Such as `http://169.254.169.254`, Azure's own; any prefix of `/metadata/instance`, for an emulator
   * that serves several VMs.
   */
  readonly endpoint: string;
  /** A further certificate authority (PEM), for an endpoint with https. */
  readonly certificateAuthority: string | undefined;
  /** Milliseconds until the whole answer must be there. Default 5,000. */
  readonly timeoutMs?: number;
}

const PATH = "/metadata/instance?api-version=2021-12-13&format=json";
const TIMEOUT_MS = 5_000;
/** A VM with 64 data disks is described in less than 64 KiB. */
const ANSWER_MAX_BYTES = 1024 * 1024;
/** How much of an unexpected answer is quoted. */
const QUOTED_MAX_CHARS = 200;

/**
 * Azure's instance metadata service of the VM that this process runs on. Each question uses a
 * connection of its own without a proxy: a proxy would receive the answer about its own VM. Throws if
 * the endpoint is no URL.
 */
export function connectInstanceMetadata(options: InstanceMetadataOptions): InstanceMetadataService {
  const url = new URL(`${options.endpoint.replace(/\/+$/u, "")}${PATH}`);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new Error(`metadata-endpoint is ${JSON.stringify(options.endpoint)}: must be http or https`);
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const { certificateAuthority } = options;
  const authorities =
    certificateAuthority === undefined ? {} : { ca: [...rootCertificates, certificateAuthority] };
  const isSecure = url.protocol === "https:";
  // Agents of their own, which use no proxy whatever the environment says.
  const agent = isSecure
    ? new HttpsAgent({ keepAlive: false, ...authorities })
    : new HttpAgent({ keepAlive: false });
  const sendRequest = isSecure ? httpsRequest : httpRequest;
  const request: RequestOptions = {
    agent,
    method: "GET",
    headers: { Metadata: "true", Accept: "application/json" },
  };

  function ask(signal: AbortSignal): Promise<Answer> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    return new Promise((resolve, reject) => {
      const sent = sendRequest(url, { ...request, signal: limited }, (response) => {
        readText(response).then((text) => resolve({ code: response.statusCode ?? 0, text }), reject);
      });
      sent.on("error", (error) =>
        reject(limited.aborted && !signal.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error),
      );
      sent.end();
    });
  }

  return {
    read: async (signal): Promise<Result<InstanceMetadata>> => {
      if (signal.aborted) return fail({ kind: "Cancelled" });
      try {
        return readAnswer(options.endpoint, await ask(signal));
      } catch (error) {
        return fail(signal.aborted ? { kind: "Cancelled" } : unreachable(options.endpoint, error));
      }
    },
  };
}

interface Answer {
  readonly code: number;
  readonly text: string;
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_MAX_BYTES) throw new Error(`the answer is longer than ${ANSWER_MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function readAnswer(endpoint: string, { code, text }: Answer): Result<InstanceMetadata> {
  const metadata = code === 200 ? parseInstanceDocument(parseJson(text)) : undefined;
  if (metadata !== undefined) return ok(metadata);
  const quoted = text.trim().slice(0, QUOTED_MAX_CHARS);
  return hostNotReady(
    `the instance metadata service at ${endpoint} answered ${code} and nothing that describes a VM ` +
      `(${quoted}): does --metadata-endpoint lead there?`,
  );
}

function unreachable(endpoint: string, error: unknown): Failure {
  const why = messageOf(error);
  const remedy =
    "is this process on an Azure VM, in its host network or allowed to reach that address? Without the " +
    "service, give --vm-id, --vm-resource-id, --vm-size, --location and --zone";
  return {
    kind: "HostNotReady",
    detail: `the instance metadata service at ${endpoint} can't be reached (${why}): ${remedy}`,
  };
}
