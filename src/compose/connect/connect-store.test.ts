import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { systemClock } from "../../adapters/system/system-clock.ts";
import { systemRandom } from "../../adapters/system/system-random.ts";
import { connectStore } from "./connect-store.ts";

const ports = { clock: systemClock, random: systemRandom };
const nothing = { kubeconfig: undefined, namespace: "azure-disk-csi", storeSocket: undefined };

/** Runs `act` as in a process with that environment. */
async function inEnvironment(
  changes: Readonly<Record<string, string | undefined>>,
  act: () => Promise<void>,
): Promise<void> {
  const before = { ...process.env };
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  try {
    await act();
  } finally {
    process.env = before;
  }
}

describe("connectStore", () => {
  it("uses the embedded store if its socket is given, in a pod as well", () =>
    inEnvironment({ KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" }, async () => {
      const connection = await connectStore({ ...nothing, storeSocket: "/run/store.sock" }, "node", ports);
      assert.equal(connection.apiClient, undefined);
      connection.close();
    }));

  it("uses the cluster of a kubeconfig file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "connect-store-"));
    const kubeconfig = join(folder, "kubeconfig");
    const cluster = { name: "c", cluster: { server: "https://127.0.0.1:6443" } };
    const user = { name: "u", user: { token: "secret" } };
    await writeFile(
      kubeconfig,
      JSON.stringify({
        clusters: [cluster],
        users: [user],
        contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
        "current-context": "x",
      }),
    );
    const connection = await connectStore({ ...nothing, kubeconfig }, "node", ports);
    assert.notEqual(connection.apiClient, undefined);
    connection.close();
    await rm(folder, { recursive: true });
  });

  it("names the missing setting where none or two name the store", () =>
    inEnvironment({ KUBERNETES_SERVICE_HOST: undefined }, async () => {
      await assert.rejects(
        connectStore(nothing, "node", ports),
        /this is no pod of Kubernetes .*name a kubeconfig file/u,
      );
      await assert.rejects(
        connectStore({ ...nothing, kubeconfig: "/a", storeSocket: "/b" }, "node", ports),
        /in one place only/u,
      );
    }));
});
