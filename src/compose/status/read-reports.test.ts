import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { listKeptIn } from "../../adapters/kubernetes/list-kept.ts";
import { scriptedApiClient } from "../../adapters/kubernetes/testing/scripted-api-client.ts";
import { aDriverNode } from "../../controller/testing/a-driver-node.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { anAttachment, aVolume, diskUri, nowMs } from "../../core/testing/objects.ts";
import { keptOf, readReports, type ReportSources } from "./read-reports.ts";

const never = new AbortController().signal;
const items: Readonly<Record<string, readonly { readonly metadata: { readonly name: string } }[]>> = {
  AzVolume: [
    aVolume(),
    aVolume({
      metadata: { name: "pvc-2" },
      spec: { volumeName: "pvc-of-2" },
      status: {
        detail: undefined,
      },
    }),
  ],
  AzVolumeAttachment: [anAttachment("node-a")],
  AzDriverNode: [aDriverNode("node-a"), aDriverNode("node-b")],
};
/** What a test has of a kind. */
const store = {
  list: async (kind: string) => ok({ items: items[kind] ?? [], resourceVersion: "1" }),
  get: async (kind: string, name: string) => {
    const found = (items[kind] ?? []).find(({ metadata }) => metadata.name === name);
    return found === undefined
      ? fail({ kind: "ObjectNotFound", objectKind: kind, name } as const)
      : ok(found);
  },
} as unknown as ReportSources["store"] & Parameters<typeof keptOf>[0];

const event = (name: string, lastTimestamp: string) => ({
  type: "Normal",
  reason: "Attached",
  message: "attached",
  lastTimestamp,
  involvedObject: { name },
});

const answers: Readonly<Record<string, object>> = {
  "/api/v1/namespaces/azure-disk-csi/events": {
    metadata: { resourceVersion: "1" },
    items: [event("pvc-1", "12:02"), event("pvc-2", "12:00"), event("pvc-1", "12:01")],
  },
  "/api/v1/namespaces/shop/persistentvolumeclaims/data": { spec: { volumeName: "pv-of-data" } },
  "/api/v1/namespaces/shop/persistentvolumeclaims/new": { spec: {} },
  "/api/v1/persistentvolumes/pvc-2": { spec: { csi: { volumeHandle: diskUri } } },
  "/api/v1/persistentvolumes/pv-of-data": {
    spec: { csi: { driver: "disk.csi.azure.com", volumeHandle: diskUri } },
  },
};

function aCluster(): ReportSources {
  const notFound = { code: 404, body: { code: 404, reason: "NotFound", details: { name: "x" } } };
  const client = scriptedApiClient(({ path }) =>
    answers[path] === undefined ? notFound : { code: 200, body: answers[path] },
  );
  return {
    store,
    listKept: keptOf(store),
    client,
    namespace: "azure-disk-csi",
    clock: { nowMs: () => nowMs },
  };
}

describe("readReports", () => {
  it("has each volume with its attachments, their nodes and its events", async () => {
    const { reports, count, notFine } = await readReports(aCluster(), undefined, never);
    assert.deepEqual([count, notFine], [2, 2]);
    assert.deepEqual(
      reports.map(({ volume, attachments, nodes, events }) => [
        volume.metadata.name,
        attachments.map(({ spec }) => spec.nodeName),
        nodes.map(({ spec }) => spec.nodeName),
        events.map(({ lastTimestamp }) => lastTimestamp),
      ]),
      [
        ["pvc-1", ["node-a"], ["node-a"], ["12:01", "12:02"]],
        ["pvc-2", [], [], ["12:00"]],
      ],
    );
  });

  for (const { because, name, found } of [
    { because: "a claim", name: "shop/data", found: ["pvc-1"] },
    { because: "a PersistentVolume", name: "pv-of-data", found: ["pvc-1"] },
    { because: "a volume, whatever PersistentVolume has its name", name: "pvc-2", found: ["pvc-2"] },
    { because: "a name in CreateVolume", name: "pvc-of-2", found: ["pvc-2"] },
    { because: "a disk", name: diskUri.toUpperCase(), found: ["pvc-1"] },
    { because: "a volume of another driver", name: "pvc-3", found: [] },
  ])
    it(`finds the volume of ${because}`, async () => {
      const { reports } = await readReports(aCluster(), name, never);
      assert.deepEqual(
        reports.map(({ volume }) => volume.metadata.name),
        found,
      );
    });

  for (const { name, says } of [
    { name: "shop/none", says: /^Error: shop\/none: there is no such claim$/u },
    { name: "shop/new", says: /^Error: shop\/new: it has no volume yet$/u },
  ])
    it(`says why a claim names no volume: ${name}`, () =>
      assert.rejects(readReports(aCluster(), name, never), says));

  it("needs no Kubernetes", async () => {
    const { reports } = await readReports({ ...aCluster(), client: undefined }, "pvc-1", never);
    assert.deepEqual(
      reports.map(({ events }) => events),
      [[]],
    );
  });

  it("says what could not be read", async () => {
    const noAnswer = async () => fail({ kind: "StoreUnavailable", detail: "no answer" } as const);
    await assert.rejects(readReports({ ...aCluster(), listKept: noAnswer }, undefined, never), /no answer/u);
  });

  it("has all else where neither events nor the Lease can be read", async () => {
    const forbidden = { code: 403, body: { code: 403, reason: "Forbidden" } };
    const client = scriptedApiClient(() => forbidden);
    const get: typeof store.get = async (kind, name, signal) =>
      kind === "Lease"
        ? fail({ kind: "StoreUnavailable", detail: "get leases: forbidden" } as const)
        : store.get(kind, name, signal);
    const sources = { ...aCluster(), client, store: { ...store, get } };
    const {
      reports: [report, ...others],
    } = await readReports(sources, "pvc-1", never);
    assert.deepEqual(others, []);
    assert.deepEqual([report?.attachments.length, report?.controller.leads], [1, undefined]);
    assert.match(report?.eventsNotRead ?? "", /refused to list events in namespace azure-disk-csi: .*403$/u);
    assert.match(report?.controller.detail ?? "", /^Lease not read \(.*forbidden/u);
  });

  it("keeps no volume, attachment or event that it does not report", async () => {
    const volumes = Array.from({ length: 1_200 }, (_, index) =>
      aVolume({ metadata: { name: `pvc-${index}` }, spec: { volumeName: `pvc-${index}` } }),
    );
    const attachments = volumes.map(({ metadata: { name } }, index) =>
      anAttachment("node-a", {
        metadata: { name: `${name}-a` },
        spec: { volumeName: name },
        status: index % 600 === 7 ? { state: "AttachmentFailed" } : {},
      }),
    );
    const many: Readonly<Record<string, readonly unknown[]>> = {
      azvolumes: volumes,
      azvolumeattachments: attachments,
      azdrivernodes: [aDriverNode("node-a")],
    };
    let heldMax = 0;
    const { client, ...sources } = aCluster();
    const listKept: ReportSources["listKept"] = async (kind, isKept, signal) => {
      const paged = scriptedApiClient(({ path, query }) =>
        pageOf(many[path.split("/").at(-1) ?? ""] ?? [], query),
      );
      const listed = await listKeptIn(paged, "azure-disk-csi")(kind, isKept, signal);
      if (listed.ok) heldMax = Math.max(heldMax, listed.value.length);
      return listed;
    };
    const lease = { spec: { holderIdentity: "c", renewTime: toTimestamp(nowMs), leaseDurationSeconds: 15 } };
    const led = {
      ...sources,
      client,
      listKept,
      store: { get: async () => ok(lease) } as unknown as typeof store,
    };
    const { reports, count, notFine } = await readReports(led, undefined, never);
    assert.deepEqual(
      [reports.map(({ volume }) => volume.metadata.name), count, notFine],
      [["pvc-607", "pvc-7"], 1_200, 2],
    );
    assert.deepEqual(
      reports.map(({ attachments: of }) => of.length),
      [1, 1],
    );
    assert.equal(heldMax, 2);

    const without = { ...led, store };
    const outdated = await readReports(without, undefined, never);
    assert.deepEqual([outdated.reports.length, outdated.count, outdated.notFine], [500, 1_200, 1_200]);
  });
});

/** A page of a list, as the API server answers it. */
function pageOf(all: readonly unknown[], query: Readonly<Record<string, string>> = {}) {
  const from = Number(query["continue"] ?? 0);
  const to = from + Number(query["limit"]);
  const metadata = { resourceVersion: "1", ...(to < all.length ? { continue: String(to) } : {}) };
  return { code: 200, body: { metadata, items: all.slice(from, to) } };
}
