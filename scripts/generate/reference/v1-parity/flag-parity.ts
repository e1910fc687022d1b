import { environmentOfV1, flagsOfV1 } from "../../../../src/compose/settings/flags-of-v1.ts";
import { notNeeded, type ParityRow, refused, renamed, yes } from "./parity-row.ts";

/** Rows of V1's flags. */
export function flagParity(): readonly ParityRow[] {
  return Object.entries(flagsOfV1).map(([flag, row]) => {
    const name = `\`--${flag}\``;
    switch (row.kind) {
      case "same":
        return yes(name, "the same flag");
      case "renamed":
        return renamed(name, row.here);
      case "always":
        return notNeeded(name, row.what);
      case "refused":
        return refused(name, row.reason);
    }
  });
}

/** Rows of V1's environment and of `azure.json`. */
export const environmentParity: readonly ParityRow[] = [
  yes(
    "`AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`, " +
      "`AZURE_FEDERATED_TOKEN_FILE`, `AZURE_AUTHORITY_HOST`",
    "[settings](settings.md)",
  ),
  yes("`KUBE_NODE_NAME`", "role `pre-stop`"),
  yes("`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`", "the Azure SDK reads them; the chart sets them"),
  ...Object.entries(environmentOfV1).map(([name, instead]) =>
    refused(`\`${name}\``, `it ends the process with its name; instead: ${instead}`),
  ),
  refused(
    "`OTEL_*`",
    "a log line names them: they act in V1 with `--enable-otel-tracing` only, which is refused",
  ),
  refused(
    "`WMI_COM_SECURITY`",
    "a log line names it: V1's client of WMI reads it, and here PowerShell is one",
  ),
  yes(
    "`azure.json`: JSON or YAML, with names in any case",
    "[settings](settings.md). Numbers and booleans for a text, and `yes`, `no`, `on`, `off`, `y` and `n` " +
      "for a boolean, count as in V1. Where V1 makes another text of them than is written (83 of `0123`, " +
      "`false` of `no`), they are refused: quote them",
  ),
  yes("`azure.json`: sign-in, cloud, subscription, group, region", "[settings](settings.md)"),
  yes(
    "`azure.json`: `aadClientCertPath`, `aadClientCertPassword`",
    "PEM, or a PKCS #12 archive encrypted by PBES2 or PBE-SHA1-3DES: [settings](settings.md). One by " +
      "RC2-40, which V1 reads, is refused with the command that converts it. Read again at each sign-in",
  ),
  yes(
    "`azure.json` and `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET` that differ",
    "the file wins, but for the ids beside a federated token; in V1 the environment does",
  ),
  yes("`azure.json`: `networkResourceTenantID`", "a token of that tenant goes along with each call"),
  refused(
    "`azure.json`: `auxiliaryTokenProvider`",
    "only Microsoft's own control planes have such a vault; `auxiliaryTenantIDs` names the tenants",
  ),
  yes("`azure.json`: `vmType`, rate limits and other fields", "a log line names those that are not used"),
  yes(
    "`azure.json`: `aadMSIDataPlaneIdentityPath`",
    "its certificate is PEM, or a PKCS #12 archive encrypted by PBES2 or PBE-SHA1-3DES (not by RC2-40); " +
      "read again at each sign-in",
  ),
  yes(
    "`azure.json`: `extendedLocationName`, `extendedLocationType`",
    "an [edge zone](settings.md#edge-zones) of `location`, for each disk and snapshot there. One field " +
      "without the other, which V1 ignores, is refused, and so is any type but `EdgeZone`. V1 also sends " +
      "the edge zone with disks of another region, which has none of that name",
  ),
  refused(
    "Azure Stack Hub",
    "its VMs have no ETags, without which two writers of a VM take each other's disks off it: calls fail, " +
      "and name the API versions that it has. Other private clouds with `cloud: AzureStackCloud` are " +
      "served; they need `resourceManagerEndpoint`",
  ),
  yes(
    "`/etc/kubernetes/azure.json` of the host",
    "`controller.cloudConfigHostFile` of the chart; off by default, since the controller then runs as root",
  ),
];
