"""What can go wrong with segments.

NotFound
├── SegmentNotFound         there is no such segment
└── SegmentMemberNotFound   the customer does not belong to it

Conflict
└── SegmentCodeTaken        another segment has this code
"""

from shared.errors import Conflict, NotFound


class SegmentNotFound(NotFound):
    code = "segment_not_found"
    title = "There is no such segment."


class SegmentMemberNotFound(NotFound):
    code = "segment_member_not_found"
    title = "This customer does not belong to the segment."


class SegmentCodeTaken(Conflict):
    code = "segment_code_taken"
    title = "Another segment has this code."
