import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { inClusterConfig } from "./in-cluster-config.ts";

it("finds the API server of a pod, on IPv4 and IPv6, and names what is missing", async () => {
  const accountDirectory = await mkdtemp(join(tmpdir(), "account-"));
  try {
    const inPod = (environment: Readonly<Record<string, string>>) =>
      inClusterConfig({ environment, accountDirectory });
    const outside = await inPod({});
    assert.ok(
      !outside.ok && outside.failure.problem.includes("name a kubeconfig file"),
      JSON.stringify(outside),
    );
    const withoutToken = await inPod({
      KUBERNETES_SERVICE_HOST: "10.96.0.1",
      KUBERNETES_SERVICE_PORT: "443",
    });
    assert.ok(
      !withoutToken.ok && withoutToken.failure.problem.includes("automountServiceAccountToken"),
      JSON.stringify(withoutToken),
    );
    await writeFile(join(accountDirectory, "token"), "t");
    const onIpv6 = await inPod({ KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" });
    assert.equal(onIpv6.ok && onIpv6.value.url.href, "https://[fd00::1]:6443/");
    assert.deepEqual(await inPod({ KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" }), {
      ok: true,
      value: {
        origin: "the pod's service account",
        url: new URL("https://10.96.0.1:443"),
        serverName: undefined,
        ca: { kind: "file", path: join(accountDirectory, "ca.crt") },
        clientCertificate: undefined,
        token: { kind: "file", path: join(accountDirectory, "token") },
      },
    });
  } finally {
    await rm(accountDirectory, { recursive: true });
  }
});
