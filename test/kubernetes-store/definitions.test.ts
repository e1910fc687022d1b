import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { apiVersionOf, pluralOf } from "../../src/adapters/embedded/api-paths.ts";
import type { ApiClient } from "../../src/adapters/kubernetes/api/api-client.ts";
import { readApiStatus } from "../../src/adapters/kubernetes/api/api-status.ts";
import { createKubernetesObjectStore } from "../../src/adapters/kubernetes/kubernetes-object-store.ts";
import { decideWrite } from "../../src/adapters/object-semantics/decide-write.ts";
import type { WriteRequest } from "../../src/adapters/object-semantics/decide-write.ts";
import type { StoredObject } from "../../src/adapters/object-semantics/stored-object.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { Kind, KindMap, NewObject, ObjectStore } from "../../src/ports/store/object-store.ts";
import { FIRST_START_TIMEOUT_MS, startApiServer, whyNoApiServer } from "./api-server.ts";
import type { ApiServer } from "./api-server.ts";
import { fullAttachment, fullDriverNode, fullVolume } from "./full-objects.ts";
import { mutations } from "./mutations.ts";
import type { Mutation } from "./mutations.ts";

const TEST_TIMEOUT_MS = 900_000;
/** Concurrent requests. */
const CONCURRENT = 8;
const never = new AbortController().signal;
const CONTEXT = { resourceVersion: "1", nowMs: 0, newUid: () => "uid" };

type OwnKind = Exclude<Kind, "Lease" | "ClusterNode">;

const missing = await whyNoApiServer();

describe("the definitions of the resources", { skip: missing ?? false }, () => {
  let server: ApiServer | undefined;
  after(() => server?.close());
  const running = (): ApiServer => server ?? assert.fail("there is no API server");

  it("are valid for the API server, without a warning", { timeout: FIRST_START_TIMEOUT_MS }, async (t) => {
    server = await startApiServer((line) => t.diagnostic(line));
    assert.equal(server.crdWarnings, "");
    const { output } = await server.kubectl(
      "get",
      "crd",
      "-o",
      "jsonpath={range .items[*]}{.metadata.name} " +
        '{.status.conditions[?(@.type=="NonStructuralSchema")].status}{"\\n"}{end}',
    );
    assert.deepEqual(
      output
        .trim()
        .split("\n")
        .map((line) => line.trim())
        .toSorted(),
      [
        "azdrivernodes.disk.csi.azure.com",
        "azvolumeattachments.disk.csi.azure.com",
        "azvolumes.disk.csi.azure.com",
      ],
    );
  });

  const objects: { readonly [K in OwnKind]: NewObject<K> & Pick<KindMap[K], "status"> } = {
    AzVolume: fullVolume,
    AzVolumeAttachment: fullAttachment,
    AzDriverNode: fullDriverNode,
  };
  for (const kind of ["AzVolume", "AzVolumeAttachment", "AzDriverNode"] as const)
    it(
      `accept and refuse for each ${kind} what the driver's validators do`,
      { timeout: TEST_TIMEOUT_MS },
      async (t) => {
        const { connect, newNamespace } = running();
        const client = connect();
        const namespace = await newNamespace();
        const store = createKubernetesObjectStore(client, namespace);
        const made = await makeFull(store, kind, objects[kind]);
        const collection = `/apis/${apiVersionOf(kind)}/namespaces/${namespace}/${pluralOf(kind)}`;

        const specs = mutations(made.spec, "spec");
        const statuses = mutations(made.status, "status");
        const asNew = specs.map(({ what, value }) =>
          compare(`new, ${what}`, kind, undefined, { verb: "create", value, path: collection }),
        );
        const asUpdate = specs.map(({ what, value }) =>
          compare(`changed, ${what}`, kind, made, {
            verb: "update",
            value,
            path: `${collection}/${made.metadata.name}`,
          }),
        );
        const asStatus = statuses.map(({ what, value }) =>
          compare(what, kind, made, {
            verb: "updateStatus",
            value,
            path: `${collection}/${made.metadata.name}/status`,
          }),
        );
        const all = [...asNew, ...asUpdate, ...asStatus];
        const differences: string[] = [];
        let refused = 0;
        const worker = async (): Promise<void> => {
          for (let next = all.shift(); next !== undefined; next = all.shift()) {
            const { difference, isRefused } = await next(client);
            if (difference !== undefined) differences.push(difference);
            if (isRefused) refused++;
          }
        };
        const count = all.length;
        await Promise.all(Array.from({ length: CONCURRENT }, worker));
        t.diagnostic(`${kind}: ${count} writes compared, ${refused} of them refused by both`);
        assert.deepEqual(differences.toSorted(), []);
        assert.ok(refused > count / 4 && refused < count, `${refused} of ${count}`);
      },
    );

  it("show the important columns with kubectl get", { timeout: TEST_TIMEOUT_MS }, async () => {
    const { connect, newNamespace, kubectl } = running();
    const namespace = await newNamespace();
    const store = createKubernetesObjectStore(connect(), namespace);
    await makeFull(store, "AzVolume", objects.AzVolume);
    await makeFull(store, "AzVolumeAttachment", objects.AzVolumeAttachment);
    await makeFull(store, "AzDriverNode", objects.AzDriverNode);
    const table = async (...resource: readonly string[]): Promise<readonly (readonly string[])[]> => {
      const { code, output } = await kubectl("get", "--namespace", namespace, ...resource);
      assert.equal(code, 0, output);
      // The age equals this test's.
      return output
        .trimEnd()
        .split("\n")
        .map((line) =>
          line
            .replace(/\s+(?:\d+[ms])+$/u, "")
            .split(/\s{2,}/u)
            .filter((cell) => cell !== ""),
        );
    };
    assert.deepEqual(await table("azv"), [
      [
        "NAME",
        "CLAIMNAMESPACE",
        "CLAIM",
        "STATE",
        "WRITER",
        "HELD",
        "SIZEGIB",
        "SKU",
        "FAILOVERREADY",
        "ERROR",
        "AGE",
      ],
      ["pvc-1", "shop", "data", "Created", "node-a", "true", "10", "Premium_LRS", "True", "Throttled"],
    ]);
    assert.deepEqual(await table("azvolumeattachments"), [
      ["NAME", "NODENAME", "REQUESTEDROLE", "ROLE", "STATE", "LUN", "ERROR", "AGE"],
      ["pvc-1-node-a", "node-a", "Primary", "Primary", "Attached", "3", "Throttled"],
    ]);
    const { instanceUri } = fullAttachment.status;
    assert.deepEqual(await table("azva", "-o", "wide"), [
      [
        "NAME",
        "NODENAME",
        "VOLUMENAME",
        "REQUESTEDROLE",
        "ROLE",
        "STATE",
        "LUN",
        "ERROR",
        "MESSAGE",
        "VM",
        "AGE",
      ],
      [
        "pvc-1-node-a",
        "node-a",
        "pvc-1",
        "Primary",
        "Primary",
        "Attached",
        "3",
        "Throttled",
        "later",
        instanceUri,
      ],
    ]);
    const [header, row] = await table("azdn");
    assert.deepEqual(header, ["NAME", "READY", "LASTHEARTBEAT", "ZONE", "VERSION", "AGE"]);
    assert.deepEqual([row?.[0], row?.[1], row?.[3]], ["node-a", "true", "1"]);
    const { output } = await kubectl("get", "azuredisk", "--namespace", namespace, "--output", "name");
    assert.deepEqual(output.trim().split("\n"), [
      "azdrivernode.disk.csi.azure.com/node-a",
      "azvolumeattachment.disk.csi.azure.com/pvc-1-node-a",
      "azvolume.disk.csi.azure.com/pvc-1",
    ]);
    const explained = await kubectl("explain", "azvolume.spec.deleteRequested");
    assert.match(explained.output, /DeleteVolume's mark/u);
  });
});

/** Creates an object with every field, and returns it. */
async function makeFull<K extends OwnKind>(
  store: ObjectStore,
  kind: K,
  object: NewObject<K> & Pick<KindMap[K], "status">,
): Promise<KindMap[K]> {
  const made = valueOf(await store.create(kind, object, never));
  const full = valueOf(await store.updateStatus(kind, { ...made, status: object.status }, never));
  assert.deepEqual([full.spec, full.status], [object.spec, object.status]);
  return full;
}

interface Compared {
  readonly difference: string | undefined;
  readonly isRefused: boolean;
}

/** A write decided by the API server (a dry run), and by the driver's own stores. */
function compare(
  what: string,
  kind: OwnKind,
  current: KindMap[OwnKind] | undefined,
  write: {
    readonly verb: "create" | "update" | "updateStatus";
    readonly value: Mutation["value"];
    readonly path: string;
  },
): (client: ApiClient) => Promise<Compared> {
  const { verb, value, path } = write;
  const part = verb === "updateStatus" ? "status" : "spec";
  const metadata =
    current === undefined
      ? { name: "mutated" }
      : {
          name: current.metadata.name,
          uid: current.metadata.uid,
          resourceVersion: current.metadata.resourceVersion,
        };
  const object = { metadata, spec: current?.spec, [part]: value };
  return async (client) => {
    const ours = decideWrite(
      { verb, kind, name: metadata.name, object } as WriteRequest,
      current as StoredObject | undefined,
      CONTEXT,
    );
    const body = { apiVersion: apiVersionOf(kind), kind, ...object };
    const answer = valueOf(
      await client.call(
        { method: verb === "create" ? "POST" : "PUT", path, query: { dryRun: "All" }, body },
        never,
      ),
    );
    const isTaken = answer.code < 300;
    const said = isTaken ? "takes it" : `refuses it: ${readApiStatus(answer).message}`;
    const theirs = (answer.body as Readonly<Record<string, unknown>>)[part];
    // The API server drops a null like a missing field; the driver never writes one.
    if (isTaken && !ours.ok && what.endsWith(" = null") && !(JSON.stringify(theirs) ?? "").includes("null"))
      return { difference: undefined, isRefused: false };
    if (ours.ok !== isTaken)
      return {
        difference: `${what}: the driver ${ours.ok ? "takes" : "refuses"} it, the API server ${said}`,
        isRefused: false,
      };
    if (!isTaken) {
      const isInvalid = answer.code === 422 && !ours.ok && ours.failure.kind === "ObjectInvalid";
      return { difference: isInvalid ? undefined : `${what}: ${answer.code} ${said}`, isRefused: true };
    }
    const stored = ours.ok
      ? (ours.value.object as unknown as Readonly<Record<string, unknown>>)[part]
      : undefined;
    const isSame = JSON.stringify(sorted(theirs)) === JSON.stringify(sorted(stored));
    return {
      difference: isSame
        ? undefined
        : `${what}: the driver stores ${JSON.stringify(stored)}, the API server ${JSON.stringify(theirs)}`,
      isRefused: false,
    };
  };
}

/** The same with sorted keys. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
