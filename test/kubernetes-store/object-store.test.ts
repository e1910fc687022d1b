import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { createKubernetesObjectStore } from "../../src/adapters/kubernetes/kubernetes-object-store.ts";
import { reasonAgainstKubernetes } from "../cluster/older-kubernetes.ts";
import { objectStoreContract } from "../contract/object-store-contract.ts";
import { FIRST_START_TIMEOUT_MS, startApiServer, whyNoApiServer } from "./api-server.ts";
import type { ApiServer } from "./api-server.ts";

/** The server sends a bookmark two seconds before it ends a watch, and otherwise one a minute. */
const WATCH_SECONDS = 8;
/** One step starts an API server. */
const TEST_TIMEOUT_MS = 900_000;

const missing = await whyNoApiServer();

describe("Kubernetes' API server as the object store", { skip: missing ?? false }, () => {
  let server: ApiServer | undefined;
  after(() => server?.close());

  it(
    "comes up, and accepts the driver's definitions without a warning",
    { timeout: FIRST_START_TIMEOUT_MS },
    async (t) => {
      server = await startApiServer((line) => t.diagnostic(line));
      assert.equal(server.crdWarnings, "");
    },
  );

  objectStoreContract(
    "Kubernetes",
    async () => {
      if (server === undefined) throw new Error("there is no API server");
      const { connect, newNamespace, compactEtcd, kill, start } = server;
      const namespace = await newNamespace();
      const clients = [1, 2].map(() => connect({ watchSeconds: WATCH_SECONDS }));
      const [store, other] = clients.map((client) => createKubernetesObjectStore(client, namespace));
      if (store === undefined || other === undefined) throw new Error("two stores are needed");
      return {
        store,
        other,
        missingIsConflict: reasonAgainstKubernetes("1.34", "404 for such an update") !== undefined,
        letBookmarkIntervalPass: async () => undefined,
        // The API server still caches for a while what etcd has compacted.
        forgetHistory: async () => {
          await compactEtcd();
          await kill();
          await start();
        },
        close: async () => {
          for (const client of clients) client.close();
        },
      };
    },
    { timeoutMs: TEST_TIMEOUT_MS },
  );
});
