import { readFile } from "node:fs/promises";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { refuseArgument } from "../../../core/failure/frequent-failures.ts";
import { messageOf } from "../../../core/failure/message-of.ts";
import { ok } from "../../../core/failure/result.ts";
import type { Result } from "../../../core/failure/result.ts";
import type { ApiServerConfig, ConfigFailure } from "./api-server-config.ts";

const ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Where a pod finds its API server. */
interface PodSurroundings {
  /** `process.env`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where the service account's token and CA are mounted. Default: where Kubernetes mounts them. */
  readonly accountDirectory?: string;
}

/** The API server and the service account that Kubernetes gives to a pod. */
export async function inClusterConfig({
  environment,
  accountDirectory = ACCOUNT_DIRECTORY,
}: PodSurroundings): Promise<Result<ApiServerConfig, ConfigFailure>> {
  const host = environment["KUBERNETES_SERVICE_HOST"] ?? "";
  const port = environment["KUBERNETES_SERVICE_PORT"] ?? "";
  if (host === "" || port === "")
    return refuseArgument(
      "kubeconfig",
      "",
      "is not given, and this is no pod of Kubernetes (KUBERNETES_SERVICE_HOST and _PORT are not set): " +
        "name a kubeconfig file",
    );
  const address = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  if (!URL.canParse(address))
    return refuseArgument(
      "KUBERNETES_SERVICE_HOST",
      host,
      `makes no address with KUBERNETES_SERVICE_PORT ${port}`,
    );
  const tokenPath = join(accountDirectory, "token");
  const problem = await readFile(tokenPath).then(() => undefined, messageOf);
  if (problem !== undefined)
    return refuseArgument(
      "service account token",
      tokenPath,
      `can't be read (${problem}): is automountServiceAccountToken off?`,
    );
  return ok({
    origin: "the pod's service account",
    url: new URL(address),
    serverName: undefined,
    ca: { kind: "file", path: join(accountDirectory, "ca.crt") },
    clientCertificate: undefined,
    token: { kind: "file", path: tokenPath },
  });
}
