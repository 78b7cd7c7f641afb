#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A run of any length takes no more memory than a short one."""

from support import TestCase, main


class ConstantMemoryTest(TestCase):
    SCRIPT = '''if True:
        import resource, sys
        import gi
        gi.require_version('Par', '1')
        from gi.repository import Par

        way, n = sys.argv[1], int(sys.argv[2])
        requests = Par.Requests(concurrency=4, keep_completed=False)
        numbers = iter(range(n))

        def add_one(requests):
            number = next(numbers, None)
            if number is not None:
                requests.add(make_text, number)
            return number is not None

        def make_text(number):
            return f'{number:>1000}'

        n_done = 0
        if way == 'map':
            for text in Par.Requests.map(make_text, numbers, concurrency=4):
                n_done += 1
        elif way == 'as_completed':
            requests.set_source(add_one)
            for request in requests.as_completed():
                request.result()
                n_done += 1
        elif way == 'do':
            requests.set_source(add_one)
            requests.do()
            n_done = requests.props.n_succeeded
        assert n_done == n, n_done
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    '''

    def get_peak(self, way, n):
        process = self.run_script(self.SCRIPT, way, n)
        self.assertEqual(process.returncode, 0, process.stderr)
        return int(process.stdout)

    def check(self, way):
        # The results of fifty thousand would be 50 MB. A million is for tests/performance.
        self.assertLess(self.get_peak(way, 50000), self.get_peak(way, 10000) + 20000)

    def test_map(self):
        self.check('map')

    def test_as_completed(self):
        self.check('as_completed')

    def test_do(self):
        self.check('do')


main()
