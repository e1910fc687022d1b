import type { SimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import type { Access } from "../../src/core/api/az-volume.ts";
import { nodesIn } from "../../src/core/writer/record/record-nodes.ts";

/** The driver's objects at the end, a line each, for the analysis of a failure. */
export function describeObjects(store: Pick<SimulatedStore, "objects">): readonly string[] {
  const volumes = store.objects("AzVolume").map(({ metadata, status }) => {
    const { record, state, detail, error } = status ?? {};
    const { writer, fencing, defaultAccess, epoch, storeIncarnation } = record ?? {};
    const named = (role: Access): string =>
      nodesIn(record, role)
        .map(({ nodeName }) => nodeName)
        .join(" ");
    return [
      `AzVolume ${metadata.name}: ${state ?? "no status"}`,
      ...(metadata.deletionTimestamp === undefined ? [] : ["being deleted"]),
      `${detail?.sizeGiB ?? 0} GiB`,
      writer === undefined
        ? "no writer"
        : `writer ${writer.nodeName} in epoch ` +
          `${writer.epoch}${writer.held ? ", held" : ""}${writer.requested ? ", requested" : ""}`,
      ...(fencing === undefined ? [] : [`fencing ${fencing.nodeName}`]),
      ...(named("quarantined") === "" ? [] : [`quarantine ${named("quarantined")}`]),
      ...(named("unverified") === "" ? [] : [`unverified ${named("unverified")}`]),
      ...(defaultAccess === "quarantined" ? [`found in use, clean ${named("clean")}`] : []),
      `epoch ${epoch ?? 0}, incarnation ${storeIncarnation ?? 0}`,
      ...(error === undefined ? [] : [`error ${error.kind}: ${error.message}`]),
    ].join(", ");
  });
  const attachments = store
    .objects("AzVolumeAttachment")
    .map(({ metadata, spec, status }) =>
      [
        `attachment of ${spec.volumeName} to ${spec.nodeName}: ` +
          `${spec.role}${spec.writerRequest === undefined ? "" : ", requested"}`,
        ...(metadata.deletionTimestamp === undefined ? [] : ["being deleted"]),
        `${status?.state ?? "no status"} ${status?.role ?? ""} at LUN ${status?.lun ?? "none"} of ` +
          `${status?.vmId ?? "no VM"}`,
        ...(spec.recall === undefined ? [] : [`recall ${spec.recall.id}`]),
        ...(status?.attempt === undefined ? [] : [`attempt ${status.attempt}`]),
        ...(status?.deviceMissing === true ? ["device missing"] : []),
        ...(status?.mountProblems ?? []).map(({ reason, epoch }) => `${reason} of epoch ${epoch}`),
        ...(status?.error === undefined
          ? []
          : [`error after ${status.error.retries} tries: ${status.error.message}`]),
      ].join(", "),
    );
  const nodes = store
    .objects("AzDriverNode")
    .map(
      ({ metadata, status }) =>
        `AzDriverNode ${metadata.name}: vm ${status?.vmId ?? "none"}, ${status?.statusMessage ?? ""}`,
    );
  return [...volumes, ...attachments, ...nodes];
}
