import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import type { ApiServerConfig } from "../../src/adapters/kubernetes/api/api-server-config.ts";
import { createKubernetesObjectStore } from "../../src/adapters/kubernetes/kubernetes-object-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { aNewDriverNode } from "../contract/worlds/object-builders.ts";
import { FIRST_START_TIMEOUT_MS, startApiServer, whyNoApiServer } from "./api-server.ts";
import type { ApiServer } from "./api-server.ts";
import { followNodes } from "./followed-store.ts";

const TEST_TIMEOUT_MS = 900_000;
/** How long the API server's cache keeps accepting a token. */
const TOKEN_CACHED_MAX_MS = 120_000;
const never = new AbortController().signal;

const missing = await whyNoApiServer();

describe("the credentials of a Kubernetes store", { skip: missing ?? false }, () => {
  let server: ApiServer | undefined;
  after(() => server?.close());
  const running = (): ApiServer => server ?? assert.fail("there is no API server");

  async function kubectl(...args: readonly string[]): Promise<string> {
    const { code, output } = await running().kubectl(...args);
    assert.equal(code, 0, output);
    return output.trim();
  }

  /**
   * Creates a service account, or recreates it, and returns its token; those of an earlier one are void.
   */
  async function newAccount(namespace: string): Promise<string> {
    await kubectl("delete", "serviceaccount", "driver", "--namespace", namespace, "--ignore-not-found");
    await kubectl("create", "serviceaccount", "driver", "--namespace", namespace);
    return kubectl("create", "token", "driver", "--namespace", namespace);
  }

  /** Replaces a token in its file atomically, as the kubelet does. */
  async function putToken(path: string, token: string): Promise<void> {
    await writeFile(`${path}.new`, token);
    await rename(`${path}.new`, path);
  }

  it("come up", { timeout: FIRST_START_TIMEOUT_MS }, async (t) => {
    server = await startApiServer((line) => t.diagnostic(line));
  });

  it(
    "are current: a void token is replaced by the file's, and the watch continues",
    { timeout: TEST_TIMEOUT_MS },
    async () => {
      const { connect, config, kubeconfigFile, newNamespace } = running();
      const namespace = await newNamespace();
      const path = join(dirname(kubeconfigFile), "token");
      await putToken(path, await newAccount(namespace));
      await kubectl(
        "create",
        "rolebinding",
        "driver",
        "--clusterrole=cluster-admin",
        `--serviceaccount=${namespace}:driver`,
        "--namespace",
        namespace,
      );
      const asAccount: ApiServerConfig = {
        ...config,
        clientCertificate: undefined,
        token: { kind: "file", path },
      };
      const store = createKubernetesObjectStore(connect({ config: asAccount }), namespace);
      const followed = await followNodes(connect({ config: asAccount, watchSeconds: 2 }), namespace);
      try {
        const made = await store.create("AzDriverNode", aNewDriverNode("first"), never);
        assert.ok(made.ok, JSON.stringify(made));
        const token = await newAccount(namespace);
        const refusal = await untilRefused(() => store.get("AzDriverNode", "first", never));
        assert.match(
          refusal,
          /refused to get azdrivernodes\.disk\.csi\.azure\.com in namespace store-1: it does not accept this process's credentials/u,
        );
        await putToken(path, token);
        // A write, and at once: not after the file's minute.
        const second = await store.create("AzDriverNode", aNewDriverNode("second"), never);
        assert.ok(second.ok, JSON.stringify(second));
        await followed.untilShows(async () => {
          const listed = await store.list("AzDriverNode", {}, never);
          return listed.ok ? listed.value.items : assert.fail(JSON.stringify(listed));
        }, TOKEN_CACHED_MAX_MS);
        assert.deepEqual(followed.changes, ["first absent→-", "second absent→-"]);
      } finally {
        await followed.stop();
      }
    },
  );

  it(
    "without a right are refused with its name, verb by verb, until granted",
    { timeout: TEST_TIMEOUT_MS },
    async () => {
      const { connect, config, newNamespace } = running();
      const namespace = await newNamespace();
      const token = await newAccount(namespace);
      const client = connect({
        config: { ...config, clientCertificate: undefined, token: { kind: "text", text: token } },
      });
      const store = createKubernetesObjectStore(client, namespace);
      const where = `in namespace ${namespace}`;
      const refused = async (
        asking: Promise<{ readonly ok: boolean; readonly failure?: object }>,
      ): Promise<string> => JSON.stringify(await asking);
      assert.match(
        await refused(store.list("AzVolume", {}, never)),
        new RegExp(`add verb .{0,2}list.{0,2} on azvolumes.disk.csi.azure.com ${where} to its Role`, "u"),
      );
      assert.match(
        await refused(store.create("AzDriverNode", aNewDriverNode("a"), never)),
        new RegExp(`add verb .{0,2}create.{0,2} on azdrivernodes.disk.csi.azure.com ${where}`, "u"),
      );
      assert.match(
        await refused(store.get("Lease", "leader", never)),
        new RegExp(`add verb .{0,2}get.{0,2} on leases.coordination.k8s.io ${where}`, "u"),
      );
      await kubectl(
        "create",
        "role",
        "driver",
        "--verb=list,create",
        "--resource=azdrivernodes.disk.csi.azure.com",
        "--namespace",
        namespace,
      );
      await kubectl(
        "create",
        "rolebinding",
        "driver",
        "--role=driver",
        `--serviceaccount=${namespace}:driver`,
        "--namespace",
        namespace,
      );
      for (
        let answer = await store.list("AzDriverNode", {}, never);
        !answer.ok;
        answer = await store.list("AzDriverNode", {}, never)
      )
        await systemClock.sleep(50, never);
      const made = await store.create("AzDriverNode", aNewDriverNode("a"), never);
      assert.ok(made.ok, JSON.stringify(made));
      const status = {
        lastHeartbeatTime: "",
        heartbeat: 1,
        readyForVolumeAllocation: true,
        statusMessage: "",
        conditions: [],
        maxVolumes: 1,
        location: "",
        zone: "",
        busType: "SCSI",
        vmId: "",
        instanceUri: "/vm",
        volumes: [],
      } as const;
      assert.match(
        await refused(store.updateStatus("AzDriverNode", { ...made.value, status }, never)),
        /add verb .{0,2}update.{0,2} on azdrivernodes.disk.csi.azure.com\/status/u,
      );
    },
  );

  it(
    "report a missing or terminating namespace, or missing definitions",
    { timeout: TEST_TIMEOUT_MS },
    async () => {
      const { connect, newNamespace } = running();
      const client = connect();
      const nowhere = await createKubernetesObjectStore(client, "nowhere").create(
        "AzDriverNode",
        aNewDriverNode("a"),
        never,
      );
      assert.match(
        JSON.stringify(nowhere),
        /namespace nowhere does not exist; create it, or name another in the settings/u,
      );
      const namespace = await newNamespace();
      await kubectl("delete", "namespace", namespace, "--wait=false");
      const going = await createKubernetesObjectStore(client, namespace).create(
        "AzDriverNode",
        aNewDriverNode("a"),
        never,
      );
      assert.match(
        JSON.stringify(going),
        new RegExp(`namespace ${namespace} is being deleted: nothing can be made in it`, "u"),
      );
      await kubectl("delete", "crd", "azdrivernodes.disk.csi.azure.com");
      const store = createKubernetesObjectStore(client, await newNamespace());
      for (const answer of [
        await store.get("AzDriverNode", "a", never),
        await store.list("AzDriverNode", {}, never),
        await store.create("AzDriverNode", aNewDriverNode("a"), never),
      ])
        assert.match(
          JSON.stringify(answer),
          /StoreUnavailable.*it has no such resource; are the custom resource definitions installed \(deploy\/crds\)\?/u,
        );
    },
  );
});

/** Retries until the API server rejects the token, and returns its message. */
async function untilRefused(
  ask: () => Promise<{ readonly ok: true } | { readonly ok: false; readonly failure: object }>,
): Promise<string> {
  for (
    const endMs = performance.now() + TOKEN_CACHED_MAX_MS;
    performance.now() < endMs;
    await systemClock.sleep(100, never)
  ) {
    const answer = await ask();
    if (!answer.ok) return JSON.stringify(answer.failure);
  }
  return assert.fail(`the API server still accepts a void token after ${TOKEN_CACHED_MAX_MS} ms`);
}
