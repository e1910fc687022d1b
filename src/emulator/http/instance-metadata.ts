import type { Json, JsonObject } from "../model/api/json.ts";
import { diskSizeBytes } from "../model/disk/disk.ts";
import type { DataDisk, VirtualMachine } from "../model/vm/virtual-machine.ts";
import { findDisk, type World } from "../model/world.ts";
import type { HttpAnswer, HttpRequest } from "./http-exchange.ts";

const VERSIONS = [
  "2017-08-01",
  "2019-06-01",
  "2020-06-01",
  "2020-09-01",
  "2021-02-01",
  "2021-10-01",
  "2021-12-13",
  "2023-07-01",
];

/**
 * The instance metadata service. The real one identifies the VM by the network path of the request. Here
 * the path names it: `/emulator/v1/imds/<vm name>/metadata/instance?…`, so that each node can use its own
 * address.
 */
export function answerInstanceMetadata(world: World, request: HttpRequest): HttpAnswer | undefined {
  const [, vmName, path] = /^\/emulator\/v1\/imds\/([^/]+)(\/metadata\/.*)$/i.exec(request.path) ?? [];
  if (vmName === undefined || path === undefined) return undefined;
  const vm = [...world.virtualMachines.values()].find(
    (candidate) => candidate.name.toLowerCase() === vmName.toLowerCase(),
  );
  if (vm === undefined) return { status: 404, body: { error: `no virtual machine '${vmName}'` } };
  if (
    request.headers["metadata"]?.toLowerCase() !== "true" ||
    request.headers["x-forwarded-for"] !== undefined
  ) {
    return { status: 400, body: { error: "Bad request. Required metadata header not specified" } };
  }
  if (path.toLowerCase() === "/metadata/versions") return { status: 200, body: { apiVersions: VERSIONS } };
  if (request.query["api-version"] === undefined) {
    return {
      status: 400,
      body: {
        error: "Bad request. api-version is invalid or was not specified in the request.",
        "newest-versions": VERSIONS.slice(-3).reverse(),
      },
    };
  }
  return answerPath(instanceDocument(world, vm), path, request.query["format"]);
}

function answerPath(document: Json, path: string, format: string | undefined): HttpAnswer {
  const [, , ...members] = path.split("/").filter((segment) => segment !== "");
  if (!/^\/metadata\/instance(\/|$)/i.test(path)) return { status: 404, body: { error: "Not found" } };
  let found: Json | undefined = document;
  for (const member of members)
    found = typeof found === "object" && found !== null ? (found as JsonObject)[member] : undefined;
  if (found === undefined) return { status: 404, body: { error: "Not found" } };
  if (typeof found === "string" && format !== "text")
    return { status: 400, body: { error: "Bad request. A leaf needs format=text" } };
  return typeof found === "string"
    ? { status: 200, headers: { "content-type": "text/plain; charset=utf-8" }, text: found }
    : { status: 200, body: found };
}

/** Every primitive is a string, and absent values are empty. */
function instanceDocument(world: World, vm: VirtualMachine): JsonObject {
  return {
    compute: {
      azEnvironment: "AzurePublicCloud",
      location: vm.location,
      name: vm.name,
      osType: "Linux",
      platformFaultDomain: "0",
      platformUpdateDomain: "0",
      resourceGroupName: vm.resourceGroup,
      resourceId: vm.id,
      storageProfile: {
        dataDisks: vm.dataDisks
          .filter((entry) => entry.phase === "Attached")
          .map((entry) => dataDisk(world, entry)),
        osDisk: { osType: "Linux", name: `${vm.name}-os` },
      },
      subscriptionId: vm.subscriptionId,
      tagsList: Object.entries(vm.tags).map(([name, value]) => ({ name, value })),
      vmId: vm.vmGuid,
      vmScaleSetName: vm.instance?.scaleSet ?? "",
      vmSize: vm.size.name,
      zone: vm.zones[0] ?? "",
    },
    network: {
      interface: [
        {
          ipv4: {
            ipAddress: [{ privateIpAddress: "10.0.0.4", publicIpAddress: "" }],
            subnet: [{ address: "10.0.0.0", prefix: "24" }],
          },
          ipv6: { ipAddress: [] },
          macAddress: "000D3A000001",
        },
      ],
    },
  };
}

function dataDisk(world: World, entry: DataDisk): JsonObject {
  const disk = findDisk(world, entry.diskId);
  return {
    caching: entry.caching,
    createOption: "Attach",
    diskSizeGB: String(disk?.spec.sizeGiB ?? ""),
    diskCapacityBytes: disk === undefined ? "" : String(diskSizeBytes(disk.spec.sizeGiB)),
    isSharedDisk: String((disk?.spec.maxShares ?? 1) > 1),
    isUltraDisk: String(disk?.spec.sku.family === "Ultra"),
    lun: String(entry.lun),
    managedDisk: { id: entry.diskId, storageAccountType: disk?.spec.sku.name ?? "" },
    name: entry.name,
    writeAcceleratorEnabled: String(entry.writeAcceleratorEnabled),
  };
}
