import { regionName } from "../../core/azure/topology.ts";
import { deniedAccess, remedyOfDenial } from "../../core/failure/denied-access.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Result } from "../../core/failure/result.ts";
import type { ArmApi, ArmError, ArmVm } from "../../provisioner/arm/arm-api.ts";
import type { DiskPlace } from "../../provisioner/disk/disks.ts";
import { resolveInstance } from "../../provisioner/vm/resolve-instance.ts";
import { type Finding, missing, present, unknown } from "./finding.ts";

/** The role of deploy/azure/role.json. */
const ROLE = "Azure Disk CSI Driver V2";
/** No VM has this ETag: a write on this condition changes nothing. */
const WRONG_ETAG = '"preflight"';
/** No disk and no snapshot has this name: writes and deletions of it change nothing. */
const NO_NAME = "azuredisk-csi-preflight-00000000-0000-0000-0000-000000000000";
const NO_OPERATION = "00000000-0000-0000-0000-000000000000";

/** What the checks of Azure need. */
export interface AzureChecks {
  readonly arm: ArmApi;
  readonly place: DiskPlace;
  /** Azure Resource Manager's address, to poll an operation that there is not. */
  readonly endpoint: string;
  /** The resource id of this VM; undefined: it could not be found out. */
  readonly instanceUri: string | undefined;
  /** For the command that assigns the role. */
  readonly clientId: string | undefined;
}

/** Reads and refused writes that show what the driver may do in Azure. Nothing is changed. */
export async function checkAzure(checks: AzureChecks, signal: AbortSignal): Promise<readonly Finding[]> {
  const { arm, place } = checks;
  const group = { ...place, clientRequestId: "" };
  const listed = await arm.listDisks(group, signal);
  const signedIn = signInFinding(listed.result.ok ? undefined : listed.result.failure);
  if (signedIn.verdict === "missing") return [signedIn];
  const none = { ...group, name: NO_NAME };
  const noDisk = `/subscriptions/${place.subscriptionId}/resourceGroups/${place.resourceGroup}/providers/Microsoft.Compute/disks/${NO_NAME}`;
  const snapshot = {
    location: place.location,
    tags: {},
    sourceId: noDisk,
    createOption: "Copy",
    incremental: true,
  } as const;
  const poll = `${checks.endpoint}/subscriptions/${place.subscriptionId}/providers/Microsoft.Compute/locations/${place.location}`;
  const operation = (path: string, kind: "vm" | "disk") =>
    arm.pollOperation(
      {
        operation: {
          pollUrl: `${poll}/${path}/${NO_OPERATION}?api-version=2024-11-01`,
          kind,
          retryAfterMs: undefined,
        },
        clientRequestId: "",
      },
      signal,
    );
  const calls: readonly (readonly [check: string, call: () => Promise<Answer>])[] = [
    ["may read disks", () => Promise.resolve(listed)],
    ["may write disks", () => arm.startDiskUpdate({ ...none, change: { tags: {} } }, signal)],
    ["may delete disks", () => arm.startDiskDelete(none, signal)],
    ["may read snapshots", () => arm.listSnapshots(group, signal)],
    ["may write snapshots", () => arm.startSnapshotCreate({ ...none, snapshot }, signal)],
    ["may delete snapshots", () => arm.startSnapshotDelete(none, signal)],
    ["may poll operations of VMs", () => operation("operations", "vm")],
    ["may poll operations of disks", () => operation("DiskOperations", "disk")],
  ];
  const findings: Finding[] = [signedIn];
  for (const [check, call] of calls) findings.push(permission(checks, check, failureOf(await call())));
  return [...findings, ...(await checkVm(checks, signal))];
}

interface Answer {
  readonly result: Result<unknown, ArmError>;
}

function failureOf({ result }: Answer): ArmError | undefined {
  return result.ok ? undefined : result.failure;
}

/** The VM that this runs on: how the driver writes to it, and where it is. */
async function checkVm(checks: AzureChecks, signal: AbortSignal): Promise<readonly Finding[]> {
  const { arm, place, instanceUri } = checks;
  if (instanceUri === undefined)
    return [
      missing(
        "own VM",
        "neither --vm-resource-id nor the instance metadata service says which VM this is",
        "allow pods on the host's network to reach 169.254.169.254, or give --vm-resource-id",
      ),
    ];
  const vm = resolveInstance(place, { nodeName: "this node", instanceUri });
  if (!vm.ok)
    return [
      missing(
        "own VM",
        describeFailure(vm.failure),
        "set azure.subscriptionID, or subscriptionId in azure.json, to the subscription of the cluster's VMs",
      ),
    ];
  const read = await arm.getVm({ ...vm.value, instanceView: false, clientRequestId: "" }, signal);
  if (!read.result.ok)
    return [permission(checks, "may read its VM", read.result.failure, { is404Missing: true })];
  const sizes = await arm.listVmSizes({ location: place.location, clientRequestId: "" }, signal);
  const written = await arm.startVmUpdate(
    { ...vm.value, change: {}, ifMatch: WRONG_ETAG, clientRequestId: "" },
    signal,
  );
  return [
    present("may read its VM", instanceUri),
    conditionalWrite(checks, written.result.ok ? undefined : written.result.failure),
    region(place, read.result.value),
    sizes.result.ok
      ? size(
          sizes.result.value.map(({ name }) => name),
          read.result.value,
        )
      : permission(checks, "may read VM sizes", sizes.result.failure),
  ];
}

function signInFinding(failure: ArmError | undefined): Finding {
  const check = "sign-in";
  if (failure === undefined || failure.statusCode === 403) return present(check, "Azure accepts the token");
  if (failure.statusCode === 401 || SIGN_IN_CODES.test(failure.code))
    return missing(
      check,
      `${failure.code}: ${firstLine(failure.message)}`,
      "az identity federated-credential create … --subject system:serviceaccount:<namespace>:<account>, " +
        "or az ad app credential reset --id <client id> and the new secret in azure.json (docs/install.md)",
    );
  if (/ApiVersion|NoRegisteredProviderFound/iu.test(failure.code))
    return missing(
      "API versions",
      firstLine(failure.message),
      "give --azure-vm-api-version and --azure-disk-api-version one that the message lists",
    );
  return failure.statusCode === 0
    ? missing(
        check,
        `no answer: ${firstLine(failure.message)}`,
        "let the pod reach Azure Resource Manager and the sign-in endpoint, or set driver.httpsProxy",
      )
    : present(check, "Azure accepts the token");
}

const SIGN_IN_CODES = /Authentication|Credential/iu;

/** A refusal of access is what is looked for; every other answer shows that the call was allowed. */
function permission(
  checks: AzureChecks,
  check: string,
  failure: ArmError | undefined,
  { is404Missing = false } = {},
): Finding {
  if (failure === undefined) return present(check, "allowed");
  if (failure.statusCode === 403) return missing(check, firstLine(failure.message), grant(checks, failure));
  if (failure.statusCode === 0 || failure.statusCode >= 429)
    return unknown(check, `${failure.code}: ${firstLine(failure.message)}`);
  if (is404Missing && failure.statusCode === 404)
    return missing(
      check,
      firstLine(failure.message),
      `az group list --output table, and the right subscription and resource group of the VM in azure.json`,
    );
  return present(check, "allowed");
}

function grant({ clientId, place }: AzureChecks, failure: ArmError): string {
  const denied = deniedAccess(failure);
  if (denied === undefined) return remedyOfDenial(failure);
  const scope = denied.scope.split("/providers/Microsoft.Compute")[0] ?? denied.scope;
  const group = /\/resourceGroups\/[^/]+/iu.test(scope) ? scope : `/subscriptions/${place.subscriptionId}`;
  const assignee = clientId ?? "<client id>";
  return `az role assignment create --role "${ROLE}" --assignee ${assignee} --scope ${group}`;
}

function conditionalWrite(checks: AzureChecks, failure: ArmError | undefined): Finding {
  const check = "VM writes are conditional";
  if (failure === undefined)
    return missing(
      check,
      "a write of the VM with a wrong If-Match was accepted: another client's change would be overwritten",
      "give --azure-vm-api-version 2024-11-01 or later; remove a proxy that drops the header If-Match",
    );
  if (failure.statusCode === 412) return present(check, "a wrong If-Match is refused");
  if (failure.statusCode === 403) return permission(checks, "may write its VM", failure);
  return unknown(check, `${failure.code}: ${firstLine(failure.message)}; run it again`);
}

function region({ location }: DiskPlace, vm: ArmVm): Finding {
  const ofVm = regionName(vm.location);
  return ofVm === location
    ? present("region", location)
    : missing(
        "region",
        `disks are created in ${location}, and this VM is in ${ofVm}: they can't be attached to it`,
        `helm upgrade … --set azure.location=${ofVm}, or location in azure.json`,
      );
}

function size(names: readonly string[], { vmSize }: ArmVm): Finding {
  return names.some((name) => name.toLowerCase() === vmSize.toLowerCase())
    ? present("VM size", `${vmSize} is offered, with its number of data disks`)
    : unknown(
        "VM size",
        `${vmSize} is not among the sizes offered: the driver guesses its number of data disks`,
      );
}

function firstLine(message: string): string {
  return message.split("\n", 1)[0] ?? "";
}
