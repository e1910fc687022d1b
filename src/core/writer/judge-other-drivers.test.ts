import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  LEASE_SILENT_MS,
  type NodePlugin,
  otherController,
  otherDriverOnNode,
  otherNodePlugin,
  seeLease,
  type SeenLease,
} from "./judge-other-drivers.ts";

const DEFAULT = "disk.csi.azure.com";
const OWN = "kube-system/csi-azuredisk-node";

describe("otherDriverOnNode", () => {
  const registered = (
    name: string,
    nodeId = "node-a",
  ): { name: string; nodeId: string; volumesMax: number } => ({ name, nodeId, volumesMax: 4 });
  const rows = [
    { because: "nothing is registered yet", driverName: DEFAULT, drivers: [], why: undefined },
    { because: "it is our own entry", driverName: DEFAULT, drivers: [registered(DEFAULT)], why: undefined },
    {
      because: "Azure's file driver changes no disks",
      driverName: DEFAULT,
      drivers: [registered("file.csi.azure.com", "n")],
      why: undefined,
    },
    {
      because: "another plug-in has registered this driver's name",
      driverName: DEFAULT,
      drivers: [registered(DEFAULT, "vm-1")],
      why: /^CSINode node-a has node id "vm-1" for disk\.csi\.azure\.com.*remove that driver/u,
    },
    {
      because: "the in-box driver is there, and this one has another name",
      driverName: "fast.example.com",
      drivers: [registered("fast.example.com"), registered(DEFAULT)],
      why: /^CSINode node-a names disk\.csi\.azure\.com beside fast\.example\.com.*az aks update --disable-disk-driver/u,
    },
  ] as const;
  for (const { because, driverName, drivers, why } of rows) {
    it(`${why === undefined ? "finds none" : "finds another"}: ${because}`, () => {
      const found = otherDriverOnNode({ driverName, nodeName: "node-a" }, drivers);
      if (why === undefined) assert.equal(found, undefined);
      else assert.match(found ?? "", why);
    });
  }
});

describe("otherNodePlugin", () => {
  const aPlugin = (pod: string, daemonSet: string | undefined): NodePlugin => ({
    pod,
    nodeName: "node-a",
    daemonSet,
    driverName: DEFAULT,
  });

  it("leaves this driver's own pods alone", () => {
    assert.equal(otherNodePlugin([OWN], []), undefined);
    assert.equal(otherNodePlugin([OWN], [aPlugin("kube-system/csi-azuredisk-node-x", OWN)]), undefined);
  });

  it("leaves its own pods on the nodes of each platform alone", () => {
    const onWindows = "kube-system/csi-azuredisk-node-win";
    const plugins = [aPlugin("kube-system/a", OWN), aPlugin("kube-system/b", onWindows)];
    assert.equal(otherNodePlugin([OWN, onWindows], plugins), undefined);
    assert.match(otherNodePlugin([OWN], plugins) ?? "", /^pod kube-system\/b /u);
  });

  it("names the pod, its DaemonSet, its node and how many there are", () => {
    const plugins = [
      aPlugin("v1/b", "v1/csi-azuredisk-node"),
      aPlugin("kube-system/own", OWN),
      aPlugin("v1/a", "v1/csi-azuredisk-node"),
    ];
    assert.match(
      otherNodePlugin([OWN], plugins) ?? "",
      /^pod v1\/a of DaemonSet v1\/csi-azuredisk-node serves disk\.csi\.azure\.com on node-a \(2 such pods\); remove that driver/u,
    );
    assert.match(
      otherNodePlugin([OWN], [aPlugin("v1/a", undefined)]) ?? "",
      /^pod v1\/a serves disk\.csi\.azure\.com on node-a \(1 such pods\)/u,
    );
  });

  it("names a pod that has no node yet", () => {
    const pending: NodePlugin = { ...aPlugin("v1/a", "v1/node"), nodeName: "" };
    assert.match(
      otherNodePlugin([OWN], [pending]) ?? "",
      /^pod v1\/a of DaemonSet v1\/node serves disk\.csi\.azure\.com on a node \(1 such pods\)/u,
    );
  });
});

describe("otherController", () => {
  const LEASE = "kube-system/external-snapshotter-leader-disk-csi-azure-com";
  const read = (version: string, holder = "v1"): { version: string; holder: string } => ({ version, holder });
  /** The state after reads, one each second. */
  const after = (...reads: readonly (ReturnType<typeof read> | undefined)[]): SeenLease | undefined => {
    let seen: SeenLease | undefined;
    for (const [second, one] of reads.entries()) seen = seeLease(seen, one, second * 1_000);
    return seen;
  };

  it("finds none by a Lease that is missing, was read once, or is unchanged", () => {
    for (const seen of [after(), after(undefined), after(read("1")), after(read("1"), read("1"))])
      assert.equal(otherController(LEASE, seen, 2_000), undefined);
  });

  it("names the holder of a renewed Lease, until it is silent for a minute", () => {
    const seen = after(read("1"), read("2"), read("2"));
    assert.match(
      otherController(LEASE, seen, 3_000) ?? "",
      /^Lease kube-system\/external-snapshotter-leader-disk-csi-azure-com is renewed by v1, a controller/u,
    );
    assert.notEqual(otherController(LEASE, seen, 1_000 + LEASE_SILENT_MS - 1), undefined);
    assert.equal(otherController(LEASE, seen, 1_000 + LEASE_SILENT_MS), undefined);
  });

  it("finds none once the holder has released the Lease, or it was deleted", () => {
    assert.equal(otherController(LEASE, after(read("1"), read("2"), read("3", "")), 3_000), undefined);
    assert.equal(otherController(LEASE, after(read("1"), read("2"), undefined, read("3")), 3_000), undefined);
  });
});
