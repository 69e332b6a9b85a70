"""Streams, findings, tickets and pictures"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('drift_points',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('scope', sa.String(length=12), nullable=False),
    sa.Column('site', sa.String(length=63), nullable=False),
    sa.Column('device', sa.String(length=63), nullable=False),
    sa.Column('bundle', sa.String(length=64), nullable=False),
    sa.Column('at_ms', sa.BigInteger(), nullable=False),
    sa.Column('parts', sa.BigInteger(), nullable=False),
    sa.Column('feature', sa.String(length=64), nullable=False),
    sa.Column('score', sa.Float(), nullable=False),
    sa.Column('evidence', sa.Float(), nullable=False),
    sa.Column('threshold', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_drift_points'))
    )
    with op.batch_alter_table('drift_points', schema=None) as batch_op:
        batch_op.create_index('ix_drift_points_site_bundle_at_ms', ['site', 'bundle', 'at_ms'], unique=False)

    op.create_table('drift_streams',
    sa.Column('scope', sa.String(length=12), nullable=False),
    sa.Column('site', sa.String(length=63), nullable=False),
    sa.Column('device', sa.String(length=63), nullable=False),
    sa.Column('bundle', sa.String(length=64), nullable=False),
    sa.Column('alarmed', sa.Boolean(), nullable=False),
    sa.Column('state', sa.LargeBinary(), nullable=False),
    sa.Column('updated_ms', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('scope', 'site', 'device', 'bundle', name=op.f('pk_drift_streams'))
    )
    with op.batch_alter_table('drift_streams', schema=None) as batch_op:
        batch_op.create_index('ix_drift_streams_site_bundle_alarmed', ['site', 'bundle', 'alarmed'], unique=False)
        batch_op.create_index(batch_op.f('ix_drift_streams_updated_ms'), ['updated_ms'], unique=False)

    op.create_table('drift_windows',
    sa.Column('window', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('outcome', sa.String(length=14), nullable=False),
    sa.Column('reason', sa.String(length=300), nullable=False),
    sa.Column('used_ms', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('window', name=op.f('pk_drift_windows'))
    )
    op.create_table('findings',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('site', sa.String(length=63), nullable=False),
    sa.Column('bundle', sa.String(length=64), nullable=False),
    sa.Column('model', sa.String(length=63), nullable=False),
    sa.Column('version', sa.String(length=63), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('cause', sa.String(length=14), nullable=False),
    sa.Column('text', sa.String(length=500), nullable=False),
    sa.Column('devices', sa.JSON(), nullable=False),
    sa.Column('features', sa.JSON(), nullable=False),
    sa.Column('charts', sa.JSON(), nullable=False),
    sa.Column('windows', sa.BigInteger(), nullable=False),
    sa.Column('parts', sa.BigInteger(), nullable=False),
    sa.Column('threshold', sa.Float(), nullable=False),
    sa.Column('first_ms', sa.BigInteger(), nullable=False),
    sa.Column('last_ms', sa.BigInteger(), nullable=False),
    sa.Column('ended_ms', sa.BigInteger(), nullable=True),
    sa.Column('ticket', sa.String(length=63), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_findings'))
    )
    with op.batch_alter_table('findings', schema=None) as batch_op:
        batch_op.create_index('ix_findings_site_bundle_state', ['site', 'bundle', 'state'], unique=False)
        batch_op.create_index(batch_op.f('ix_findings_state'), ['state'], unique=False)
        batch_op.create_index(batch_op.f('ix_findings_ticket'), ['ticket'], unique=False)

    op.create_table('images',
    sa.Column('sha', sa.String(length=64), nullable=False),
    sa.Column('device', sa.String(length=63), nullable=False),
    sa.Column('kind', sa.String(length=4), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('received_ms', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('sha', name=op.f('pk_images'))
    )
    with op.batch_alter_table('images', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_images_device'), ['device'], unique=False)

    op.create_table('tickets',
    sa.Column('id', sa.String(length=63), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('cause', sa.String(length=14), nullable=False),
    sa.Column('mode', sa.String(length=10), nullable=False),
    sa.Column('site', sa.String(length=63), nullable=False),
    sa.Column('site_group', sa.String(length=63), nullable=False),
    sa.Column('model', sa.String(length=63), nullable=False),
    sa.Column('version', sa.String(length=63), nullable=False),
    sa.Column('bundle', sa.String(length=64), nullable=False),
    sa.Column('evidence', sa.JSON(), nullable=False),
    sa.Column('result', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('changed_by', sa.String(length=63), nullable=False),
    sa.Column('note', sa.String(length=500), nullable=False),
    sa.Column('created_ms', sa.BigInteger(), nullable=False),
    sa.Column('changed_ms', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tickets'))
    )
    with op.batch_alter_table('tickets', schema=None) as batch_op:
        batch_op.create_index('ix_tickets_model_site_group_cause', ['model', 'site_group', 'cause'], unique=False)
        batch_op.create_index(batch_op.f('ix_tickets_state'), ['state'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('tickets', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_tickets_state'))
        batch_op.drop_index('ix_tickets_model_site_group_cause')

    op.drop_table('tickets')
    with op.batch_alter_table('images', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_images_device'))

    op.drop_table('images')
    with op.batch_alter_table('findings', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_findings_ticket'))
        batch_op.drop_index(batch_op.f('ix_findings_state'))
        batch_op.drop_index('ix_findings_site_bundle_state')

    op.drop_table('findings')
    op.drop_table('drift_windows')
    with op.batch_alter_table('drift_streams', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_drift_streams_updated_ms'))
        batch_op.drop_index('ix_drift_streams_site_bundle_alarmed')

    op.drop_table('drift_streams')
    with op.batch_alter_table('drift_points', schema=None) as batch_op:
        batch_op.drop_index('ix_drift_points_site_bundle_at_ms')

    op.drop_table('drift_points')
