import type { Json, JsonObject } from "../model/api/json.ts";
import { parseResourceId } from "../model/api/resource/resource-id.ts";
import { diskSizeBytes } from "../model/disk/disk.ts";
import { scaleSetIdOf } from "../model/scale-set/instances.ts";
import { vmCalled } from "../model/scheduled-events/vm-called.ts";
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

/** Versions of scheduled events whose events have the members of 2020-07-01, or some of them. */
const EVENT_VERSIONS = ["2017-08-01", "2017-11-01", "2019-01-01", "2019-04-01", "2019-08-01", "2020-07-01"];

/**
 * The instance metadata service. The real one identifies the VM by the network path of the request. Here
 * the path names it: `/emulator/v1/imds/<vm name>/metadata/instance?…`, so that each node can use its own
 * address. A node that knows only its host name gives that instead, if only one VM has it. Of scheduled
 * events, which the model keeps, it answers only what is wrong with the request: undefined if nothing is.
 */
export function answerInstanceMetadata(world: World, request: HttpRequest): HttpAnswer | undefined {
  const [, name, path] = /^\/emulator\/v1\/imds\/([^/]+)(\/metadata\/.*)$/i.exec(request.path) ?? [];
  if (name === undefined || path === undefined) return undefined;
  const vm = vmCalled(world, name);
  if (typeof vm === "string") return { status: 404, body: { error: vm } };
  if (
    request.headers["metadata"]?.toLowerCase() !== "true" ||
    request.headers["x-forwarded-for"] !== undefined
  ) {
    return { status: 400, body: { error: "Bad request. Required metadata header not specified" } };
  }
  if (path.toLowerCase() === "/metadata/versions") return { status: 200, body: { apiVersions: VERSIONS } };
  const version = request.query["api-version"];
  if (path.toLowerCase() === "/metadata/scheduledevents")
    return version !== undefined && EVENT_VERSIONS.includes(version)
      ? undefined
      : wrongVersion(EVENT_VERSIONS);
  if (version === undefined) return wrongVersion(VERSIONS);
  return answerPath(instanceDocument(world, vm), path, request.query["format"]);
}

function wrongVersion(versions: readonly string[]): HttpAnswer {
  return {
    status: 400,
    body: {
      error: "Bad request. api-version is invalid or was not specified in the request.",
      "newest-versions": versions.slice(-3).reverse(),
    },
  };
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
      tagsList: Object.entries(vm.tags ?? {}).map(([name, value]) => ({ name, value })),
      vmId: vm.vmGuid,
      vmScaleSetName: parseResourceId(scaleSetIdOf(vm) ?? "")?.name ?? "",
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
