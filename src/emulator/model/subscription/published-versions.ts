/**
 * Azure's API versions of VMs, scale sets and availability sets since managed disks, the newest first. Others
 * are accepted as well unless the settings have a list.
 */
export const VM_VERSIONS: readonly string[] = `
  2026-04-01 2026-03-01 2025-11-01 2025-04-01 2024-11-01 2024-07-01 2024-03-01 2023-09-01 2023-07-01
  2023-03-01 2022-11-01 2022-08-01 2022-03-01 2021-11-01 2021-07-01 2021-04-01 2021-03-01 2020-12-01
  2020-06-01 2019-12-01 2019-07-01 2019-03-01 2018-10-01 2018-06-01 2018-04-01 2017-12-01 2017-03-30
`
  .trim()
  .split(/\s+/);

/** The same of disks and snapshots. */
export const DISK_VERSIONS: readonly string[] = `
  2026-03-02 2025-01-02 2024-03-02 2023-10-02 2023-04-02 2023-01-02 2022-07-02 2022-03-02 2021-12-01
  2021-08-01 2021-04-01 2020-12-01 2020-09-30 2020-06-30 2020-05-01 2019-11-01 2019-07-01 2019-03-01
  2018-09-30 2018-06-01 2018-04-01 2017-03-30
`
  .trim()
  .split(/\s+/);

/** What those of disks have brought later. */
export const ENCRYPTION_SET_VERSIONS = DISK_VERSIONS.filter((version) => version >= "2019-07-01");
export const DISK_ACCESS_VERSIONS = DISK_VERSIONS.filter((version) => version >= "2020-05-01");
