/** The file name by which a worker is recognized in the machine's list of processes. */
export const WORKER_FILE = "azuredisk-host-worker.ps1";

/**
 * What a PowerShell worker runs: it reads one call a line from its standard input, runs one cmdlet of a
 * closed list, and answers one line. A call's parameters are data and are bound by name: no text of a call
 * is ever parsed as PowerShell. Without properties to select, the text of each object is its `Value`.
 */
export const WORKER_SCRIPT = `$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$ConfirmPreference = 'None'
$utf8 = New-Object System.Text.UTF8Encoding $false
$reader = New-Object System.IO.StreamReader ([Console]::OpenStandardInput()), $utf8
$writer = New-Object System.IO.StreamWriter ([Console]::OpenStandardOutput()), $utf8
$writer.AutoFlush = $true
$allowed = @(
  'Add-PartitionAccessPath', 'Clear-Disk', 'Format-Volume', 'Get-CimInstance', 'Get-Disk', 'Get-Item',
  'Get-Partition', 'Get-PartitionSupportedSize', 'Get-Volume', 'Initialize-Disk', 'Invoke-CimMethod',
  'New-Partition', 'Remove-PartitionAccessPath', 'Repair-Volume', 'Resize-Partition', 'Set-Disk',
  'Set-Partition', 'Update-HostStorageCache', 'Write-VolumeCache'
)
function ConvertTo-Named($object) {
  $named = @{}
  foreach ($property in $object.PSObject.Properties) {
    if ($property.Value -is [System.Management.Automation.PSCustomObject]) {
      $named[$property.Name] = ConvertTo-Named $property.Value
    } else {
      $named[$property.Name] = $property.Value
    }
  }
  return $named
}
while ($null -ne ($line = $reader.ReadLine())) {
  try {
    $call = ConvertFrom-Json -InputObject $line
    if ($allowed -cnotcontains $call.cmdlet) { throw "cmdlet $($call.cmdlet) is not allowed" }
    $named = ConvertTo-Named $call.parameters
    $select = @($call.select)
    $found = @(& $call.cmdlet @named)
    if ($select.Count -eq 0) {
      $rows = @($found | ForEach-Object { @{ Value = "$_" } })
    } else {
      $rows = @($found | Select-Object -Property $select)
    }
    $answer = @{ ok = $true; rows = $rows }
  } catch {
    $answer = @{ ok = $false; error = $_.Exception.Message }
  }
  $writer.WriteLine((ConvertTo-Json -InputObject $answer -Compress -Depth 4))
}
`;
