import type { ControlPlane } from "./control-plane.ts";

/** Keeps a deleted claim until no pod names it: until then its volume belongs to them. */
export function runClaimProtection({ api, view, trace }: ControlPlane): void {
  function reconcile(volumeName: string): void {
    const claim = view.get("Claim", volumeName);
    if (claim?.isDeleted !== true) return;
    // Bypasses the cache, as the real one does: a pod may have come in the meantime.
    if (
      api.list("Pod").some((pod) => pod.volumeName === volumeName) ||
      api.get("Claim", volumeName)?.uid !== claim.uid
    )
      return;
    api.remove("Claim", volumeName);
    trace.note(volumeName, "its claim is gone");
  }

  view.onChange((change) => {
    if (change.kind === "Claim") reconcile(change.name);
    if (change.kind === "Pod" && change.current === undefined) reconcile(change.previous?.volumeName ?? "");
  });
}
