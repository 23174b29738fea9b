# SPDX-License-Identifier: BSD-3-Clause
"""What a test found: counts, and a sentence for each thing that is not so. Ends as tests/run wants it, with "N passed, N failed"."""

SHOWN = 100     # things that are not so,
SENTENCES = 40  # and about one of them


class Results:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, good, what):
        """WHAT is said where it is not so."""
        self.passed, self.failed = self.passed + bool(good), self.failed + (not good)
        if not good and self.failed <= SHOWN:
            print(what)
        return good

    def equal(self, got, wanted, what):
        return self.check(got == wanted, f'{what}: {got}, expected {wanted}')

    def none(self, wrong, what):
        """WRONG are sentences about one thing."""
        wrong = list(wrong)
        return self.check(not wrong, ''.join(f'\n    {sentence}' for sentence in [f'{what}:', *wrong[:SENTENCES]]).lstrip())

    def end(self):
        """The last line; the program's status."""
        print(f'{self.passed} passed, {self.failed} failed')
        return 1 if self.failed or not self.passed else 0
