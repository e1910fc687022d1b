import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hasNeverRun, type Pod, readClusterPod } from "./core-pod.ts";

const OWNER = { kind: "DaemonSet", name: "csi-azuredisk-node", controller: true };

function readPod(
  paths: readonly string[],
  ownerReferences: readonly object[] = [OWNER],
  driverName = "disk.csi.azure.com",
  further = {},
  changes: Partial<Pick<Pod, "spec" | "status">> = {},
): unknown {
  const metadata = {
    name: "csi-azuredisk-node-x",
    namespace: "v1",
    uid: "u",
    resourceVersion: "1",
    ownerReferences,
    ...further,
  };
  const volumes = paths.map((path, index) => ({ name: `v${index}`, hostPath: { path } }));
  const containers = [{}, { securityContext: { privileged: true } }];
  const spec = { nodeName: "node-a", volumes, containers, ...changes.spec };
  return readClusterPod(
    { metadata, spec, status: changes.status ?? { phase: "Running" } } as Pod,
    (labels) => labels,
    driverName,
  ).nodePlugin;
}

describe("hasNeverRun", () => {
  const ended = { terminated: {} };
  const rows: readonly { readonly because: string; readonly status: Pod["status"]; readonly is: boolean }[] =
    [
      { because: "the kubelet has said nothing of it", status: undefined, is: true },
      {
        because: "its containers are being made",
        status: { phase: "Pending", containerStatuses: [{ restartCount: 0, state: {} }] },
        is: true,
      },
      { because: "its phase is Running", status: { phase: "Running" }, is: false },
      { because: "its node is silent", status: { phase: "Unknown" }, is: false },
      {
        because: "an init container runs",
        status: { phase: "Pending", initContainerStatuses: [{ state: { running: {} } }] },
        is: false,
      },
      {
        because: "an init container has ended",
        status: { phase: "Pending", initContainerStatuses: [{ state: ended }] },
        is: false,
      },
      {
        because: "a container waits for its next start",
        status: { phase: "Pending", containerStatuses: [{ lastState: ended }] },
        is: false,
      },
      {
        because: "a container was started again",
        status: { phase: "Pending", containerStatuses: [{ restartCount: 1 }] },
        is: false,
      },
      {
        because: "a container for debugging runs",
        status: { phase: "Pending", ephemeralContainerStatuses: [{ state: { running: {} } }] },
        is: false,
      },
    ];
  for (const { because, status, is } of rows)
    it(`is ${is} where ${because}`, () => {
      assert.equal(hasNeverRun(status === undefined ? {} : { status }), is);
    });
});

describe("readClusterPod", () => {
  const plugin = {
    pod: "v1/csi-azuredisk-node-x",
    nodeName: "node-a",
    daemonSet: "v1/csi-azuredisk-node",
    driverName: "disk.csi.azure.com",
  };

  it("recognises a pod that serves an Azure disk driver by its kubelet folder", () => {
    const folders = [
      "/var/lib/kubelet/plugins/disk.csi.azure.com",
      "/var/lib/kubelet/plugins/disk.csi.azure.com/",
      "/mnt/kubelet/plugins/disk.csi.azure.com",
      "C:\\var\\lib\\kubelet\\plugins\\disk.csi.azure.com\\",
    ];
    for (const folder of folders) assert.deepEqual(readPod(["/dev", folder]), plugin, folder);
    const owners = [
      { ...OWNER, controller: false },
      { ...OWNER, kind: "ReplicaSet" },
    ];
    assert.deepEqual(readPod(folders.slice(0, 1), owners), { ...plugin, daemonSet: undefined });
  });

  it("knows the in-box driver even if this one has another name", () => {
    assert.deepEqual(
      readPod(["/var/lib/kubelet/plugins/disk.csi.azure.com"], [OWNER], "fast.example.com"),
      plugin,
    );
    const own = readPod(["/var/lib/kubelet/plugins/fast.example.com"], [OWNER], "fast.example.com");
    assert.deepEqual(own, { ...plugin, driverName: "fast.example.com" });
  });

  it("ignores one marked for deletion, which stays for ever on a dead node", () => {
    const leaving = { deletionTimestamp: "2026-01-01T00:00:00Z" };
    assert.equal(
      readPod(["/var/lib/kubelet/plugins/disk.csi.azure.com"], [OWNER], "disk.csi.azure.com", leaving),
      undefined,
    );
  });

  // One that any user may create would stop every attach and fence.
  it("ignores one that has not run, or has no rights on its host", () => {
    const read = (changes: Partial<Pick<Pod, "spec" | "status">>): unknown =>
      readPod(["/var/lib/kubelet/plugins/disk.csi.azure.com"], [OWNER], "disk.csi.azure.com", {}, changes);
    assert.equal(read({ status: { phase: "Pending" } }), undefined);
    for (const securityContext of [{}, { privileged: false }])
      assert.equal(read({ spec: { containers: [{ securityContext }] } }), undefined);
    const windowsOptions = { hostProcess: true };
    const containers = [{ securityContext: { windowsOptions } }];
    assert.deepEqual(read({ spec: { containers } }), plugin, "as V1 on Windows");
    assert.deepEqual(read({ spec: { containers: [{}], securityContext: { windowsOptions } } }), plugin);
    const throughProxy = ["/var/lib/kubelet/plugins/disk.csi.azure.com", "\\\\.\\pipe\\csi-proxy-disk-v1"];
    const changes = { spec: { containers: [{}] } };
    assert.deepEqual(
      readPod(throughProxy, [OWNER], "disk.csi.azure.com", {}, changes),
      plugin,
      "as its first",
    );
  });

  it("ignores all other pods: other drivers, all of the kubelet's folders, subfolders", () => {
    const others = [
      "/var/lib/kubelet/plugins/file.csi.azure.com",
      "/var/lib/kubelet/plugins",
      "/var/lib/kubelet/plugins_registry",
      "/var/lib/kubelet/plugins/disk.csi.azure.com/logs",
      "/var/lib/kubelet/plugins/kubernetes.io/csi/disk.csi.azure.com",
    ];
    for (const folder of others) assert.equal(readPod([folder]), undefined, folder);
  });
});
