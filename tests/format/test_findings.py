"""The words of findings are an interface: exit codes and JSON are made of them."""

from aiovdi.format.findings import Finding, FindingKind, Severity


def test_each_kind_has_a_label_of_its_own_and_a_severity() -> None:
    labels = [kind.label for kind in FindingKind]
    assert len(set(labels)) == len(labels) == 11
    assert all(label.replace("-", "").isalpha() and label.islower() for label in labels)
    assert {kind.severity for kind in FindingKind} == set(Severity)


def test_what_loses_space_is_a_leak_and_what_loses_data_is_corruption() -> None:
    leaks = {kind for kind in FindingKind if kind.severity is Severity.LEAK}
    notices = {kind for kind in FindingKind if kind.severity is Severity.NOTICE}
    assert leaks == {FindingKind.COUNT_HIGH, FindingKind.LEAKED, FindingKind.TRAILING}
    assert notices == {FindingKind.BAD_UUID, FindingKind.UNALIGNED_SIZE}


def test_a_finding_reads_as_its_severity_and_its_fact() -> None:
    finding = Finding(kind=FindingKind.TRAILING, message="512 bytes follow the last slot", offset=1024)
    assert str(finding) == "leak: 512 bytes follow the last slot"
    assert (finding.severity, finding.count, finding.block) == (Severity.LEAK, 1, None)
